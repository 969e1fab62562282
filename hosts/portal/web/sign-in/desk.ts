import type { SignInDesk } from '../../../../core/contract/identity-provider.ts'
import { foldedEmail } from '../../text/email-address.ts'
import type { IdentityProviderRow } from '../../store/entities.ts'
import type { Store } from '../../store/store.ts'

/**
 * Makes the services that a provider's plugin may use during a sign-in: whether an e-mail address belongs to the
 * account, and its own records.
 */
export const deskOf = (store: Store, { accountId, id }: IdentityProviderRow, asker: string): SignInDesk => ({
  asker,
  note: () => undefined,
  knows: async (email) => {
    const address = foldedEmail(email)
    if (address === undefined) return false
    const [actor] = await store.reader(accountId).list('actors', { where: { email: address }, limit: 1 })
    return actor !== undefined && !actor.isDisabled && actor.type !== 'service_account'
  },
  records: store.signInRecords({ accountId, providerId: id }),
})
