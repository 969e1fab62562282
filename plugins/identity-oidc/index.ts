// Sign-in at any OpenID Connect provider.
//
//   plugins:
//     - use: builtin:identity-oidc
//
// and for an account, through the API:
//   POST /api/v1/identity_providers
//   { "name": "Example", "type": "oidc", "settings": { "issuer": "https://id.example.org", "client_id": "portreeve", "client_secret": "…" } }
import { definePlugin, HttpClient, IdentityProviders, Logger, Random } from 'portreeve'
import { Kept, Settings } from './config.ts'
import { OidcProvider } from './oidc-provider.ts'

export const plugin = definePlugin({
  name: 'identity-oidc',
  api: 1,
  description: 'Sign-in at any OpenID Connect provider.',
  setup({ provide }) {
    provide(IdentityProviders, 'oidc', {
      settings: Settings,
      keep: Kept,
      needs: { random: Random, http: HttpClient, logger: Logger },
      create: (needs) => new OidcProvider(needs),
    })
  },
})
