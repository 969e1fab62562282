/** Parameters of authorization requests and answers (RFC 6749, OpenID Connect Core 1.0) that are no secrets. */
const SHOWN = new Set([
  'acr_values',
  'client_id',
  'code_challenge_method',
  'display',
  'domain_hint',
  'error',
  'error_description',
  'error_uri',
  'hd',
  'iss',
  'login_hint',
  'max_age',
  'prompt',
  'redirect_uri',
  'response_mode',
  'response_type',
  'scope',
  'ui_locales',
])

const MAX_CHARACTERS = 300

/** Returns the query with which a browser is sent away. Values that may be secrets are not shown. */
export const sentQuery = (url: URL): Record<string, string> => shownQuery(url, 'sent, not shown')

/** Returns the query with which a browser has returned. Values that may be secrets are not shown. */
export const returnedQuery = (url: URL): Record<string, string> => shownQuery(url, 'came, not shown')

const shownQuery = ({ searchParams }: URL, instead: string): Record<string, string> =>
  Object.fromEntries(
    [...searchParams].map(([name, value]) => [
      name.slice(0, 100),
      SHOWN.has(name) ? value.slice(0, MAX_CHARACTERS) : `(${instead})`,
    ]),
  )
