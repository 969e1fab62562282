// Sign-in by a strategy of Passport, an npm package that is installed beside the configuration file.
//
//   plugins:
//     - use: builtin:identity-passport
//       config:
//         strategies:
//           github:
//             package: passport-github2
//             options: { clientID: portreeve, scope: [user:email], allRawEmails: true }
//             secret_files: { clientSecret: github-secret }
//             issuer: https://github.com
//
// and for an account, through the API:
//   POST /api/v1/identity_providers
//   { "name": "GitHub", "type": "github" }
import { definePlugin, HttpClient, IdentityProviders, Logger, Random, SecretFiles } from 'portreeve'
import { Config, Kept } from './config.ts'
import { PassportProvider } from './passport-provider.ts'

export const plugin = definePlugin({
  name: 'identity-passport',
  api: 1,
  config: Config,
  setup({ provide, config, context: { folder } }) {
    for (const [key, strategy] of Object.entries(config.strategies)) {
      provide(IdentityProviders, key, {
        keep: Kept,
        needs: { random: Random, http: HttpClient, logger: Logger, secretFiles: SecretFiles },
        create: (needs) => new PassportProvider(strategy, { key, folder, ...needs }),
      })
    }
  },
})
