import type { Refusal } from 'portreeve'

/** Explanation of an error code in a provider's answer. */
export interface OAuthErrorWords extends Pick<Refusal, 'publicText' | 'tryAgain' | 'providerFails'> {
  /** Remedy for the admin, for log and audit trail. */
  advice?: string
}

/** Explains an error of configuration, here or at the provider, which stays until an admin changes it. */
const misset = (publicText: string, advice: string): OAuthErrorWords => ({
  publicText: `${publicText} Nobody can sign in by it until an admin puts that right.`,
  tryAgain: false,
  providerFails: true,
  advice,
})

/** Explains an error after which the person may try again. */
const again = (publicText: string, more: Partial<OAuthErrorWords> = {}): OAuthErrorWords => ({
  publicText,
  tryAgain: true,
  ...more,
})

/**
 * Explanations of errors of the authorization, token and userinfo endpoints by code: RFC 6749 §4.1.2.1 and §5.2, OpenID
 * Connect Core 1.0 §3.1.2.6, RFC 9449 §5, and codes in common use.
 */
export const OAUTH_ERRORS: Readonly<Record<string, OAuthErrorWords>> = {
  access_denied: again(
    'The identity provider did not let you in: you declined, or you may not use this portal. Sign in again if you did not mean to, or ask an admin.',
    { advice: 'if the person did not decline, she may not be assigned to this client at the provider' },
  ),
  invalid_client: misset(
    'The identity provider does not accept this portal: its client id or secret is not right.',
    'check client_id and client_secret (it may have expired), and token_endpoint_auth_method',
  ),
  unauthorized_client: misset(
    'The identity provider does not let this portal sign people in.',
    'allow the client the authorization code flow at the provider',
  ),
  invalid_grant: again(
    'The identity provider took back its answer: it was too old or used already. Begin again; if it stays so, tell an admin.',
    {
      advice: 'the code was expired or used, or the redirect URI or the PKCE verifier did not fit; compare the clocks',
    },
  ),
  unsupported_grant_type: misset(
    'The identity provider does not know the way in which this portal signs people in.',
    'it needs the authorization code flow',
  ),
  unsupported_response_type: misset(
    'The identity provider does not know the way in which this portal signs people in.',
    'it needs the response type `code`',
  ),
  invalid_request: misset(
    'The identity provider does not understand what this portal asks.',
    'look at the redirect URI that is registered there, and at `parameters` and `prompt`',
  ),
  invalid_scope: misset(
    'The identity provider does not give this portal what it asks for.',
    'one of `scopes` is unknown there or not allowed for this client',
  ),
  invalid_target: misset('The identity provider does not know what this portal asks for.', 'look at `parameters`'),
  server_error: again('The identity provider has failed. Try again in a moment, or sign in another way.', {
    providerFails: true,
  }),
  temporarily_unavailable: again(
    'The identity provider is overloaded or being worked on. Try again in a moment, or sign in another way.',
    { providerFails: true },
  ),
  slow_down: again('The identity provider is asked too often. Wait a little, and try again.', { providerFails: true }),
  login_required: again('The identity provider wants you to sign in there first. Try again.'),
  interaction_required: again('The identity provider has something to ask you first. Try again.'),
  account_selection_required: again('The identity provider does not know which of your accounts you mean. Choose one.'),
  consent_required: again('The identity provider needs your consent, or your administrator’s. Try again.', {
    advice: 'grant consent for the client at the provider',
  }),
  unmet_authentication_requirements: again(
    'The identity provider could not check you as strictly as it is asked to, as with a second factor. Try again, or ask an admin.',
    { advice: 'look at `acr_values` in `parameters`' },
  ),
  invalid_request_uri: misset(
    'The identity provider does not understand what this portal asks.',
    'look at `parameters`',
  ),
  invalid_request_object: misset(
    'The identity provider does not understand what this portal asks.',
    'the client must not be set to need request objects',
  ),
  request_not_supported: misset(
    'The identity provider does not understand what this portal asks.',
    'look at `parameters`',
  ),
  request_uri_not_supported: misset(
    'The identity provider does not understand what this portal asks.',
    'look at `parameters`',
  ),
  registration_not_supported: misset(
    'The identity provider does not understand what this portal asks.',
    'look at `parameters`',
  ),
  invalid_dpop_proof: misset(
    'The identity provider demands of this portal what it does not do.',
    'the client must not be set to need DPoP',
  ),
  use_dpop_nonce: misset(
    'The identity provider demands of this portal what it does not do.',
    'the client must not be set to need DPoP',
  ),
  invalid_token: misset(
    'The identity provider does not tell this portal who you are.',
    'its userinfo endpoint refuses the access token that it has just given',
  ),
  insufficient_scope: misset(
    'The identity provider does not tell this portal who you are.',
    'its userinfo endpoint wants a scope that `scopes` does not have',
  ),
}
