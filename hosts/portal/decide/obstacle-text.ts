/** Returns the meaning of a code of `standing.ts` as a clause, such as `the account is disabled`. */
export const obstacleText = (code: string): string => OBSTACLES[code] ?? code.replaceAll('_', ' ')

const OBSTACLES: Readonly<Record<string, string>> = {
  account_disabled: 'the account is disabled',
  account_removed: 'the account is gone',
  actor_disabled: 'the actor is disabled',
  actor_removed: 'the actor is gone',
  client_removed: 'the device was removed',
  gateway_removed: 'the gateway was removed',
  site_removed: 'the site of the gateway was removed',
  token_revoked: 'the token in use was revoked',
  token_expired: 'the token in use has expired',
  token_of_another: 'the token in use is of somebody else',
  provider_disabled: 'the identity provider of the sign-in is disabled',
  provider_removed: 'the identity provider of the sign-in is gone',
}

/** Returns the text with its first letter in upper case. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
