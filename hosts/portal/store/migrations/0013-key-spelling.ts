import type { Knex } from 'knex'

/** Keys of plugins are words joined by dashes. */
export const up = async (knex: Knex): Promise<void> => {
  await knex('identity_providers').where({ type: 'email_otp' }).update({ type: 'email-otp' })
}

export const down = async (knex: Knex): Promise<void> => {
  await knex('identity_providers').where({ type: 'email-otp' }).update({ type: 'email_otp' })
}
