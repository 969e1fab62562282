import * as oidc from 'openid-client'
import type { Settings } from './config.ts'

export interface AuthorizationRequest {
  settings: Settings
  redirectUri: string
  /** Whether the provider shall let the person choose an account. */
  chooseAccount: boolean
  secrets: { state: string; nonce: string; verifier: string }
}

/** Returns the URL of an authentication request. OpenID Connect Core 1.0 §3.1.2.1, with PKCE S256 (RFC 7636 §4.3) */
export const authorizationUrl = async (
  provider: oidc.Configuration,
  { settings, redirectUri, chooseAccount, secrets }: AuthorizationRequest,
): Promise<string> => {
  const prompt = chooseAccount ? choice(provider) : settings.prompt
  const url = oidc.buildAuthorizationUrl(provider, {
    ...settings.parameters,
    ...(prompt === undefined ? {} : { prompt }),
    ...(settings.login_hint === undefined || chooseAccount ? {} : { login_hint: settings.login_hint }),
    client_id: settings.client_id,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: ['openid', ...settings.scopes].join(' '),
    state: secrets.state,
    nonce: secrets.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(secrets.verifier),
    code_challenge_method: 'S256',
  })
  return url.href
}

/** Returns the `prompt` to choose an account: `select_account`, or `login` if the provider does not support that. */
const choice = (provider: oidc.Configuration): string => {
  const known = provider.serverMetadata()['prompt_values_supported']
  return Array.isArray(known) && !known.includes('select_account') ? 'login' : 'select_account'
}
