// Sign-in by a code that is sent by e-mail.
//
//   plugins:
//     - use: builtin:identity-email-otp
//       config:
//         smtp: { host: mail.example.org, port: 587, user: portreeve, password_file: /etc/portreeve/smtp-password }
//         from: Portreeve <portreeve@example.org>
//
// and for an account, through the API:
//   POST /api/v1/identity_providers
//   { "name": "E-mail", "type": "email-otp", "settings": {} }
import { definePlugin, IdentityProviders, Logger, Random, SecretFiles, TrustedAuthorities } from 'portreeve'
import { Config, Kept } from './config.ts'
import { EmailOtp } from './email-otp.ts'

export const plugin = definePlugin({
  name: 'identity-email-otp',
  api: 1,
  description: 'Sign-in by a code that is sent by e-mail.',
  config: Config,
  setup({ provide, config }) {
    provide(IdentityProviders, 'email-otp', {
      keep: Kept,
      needs: { random: Random, logger: Logger, secretFiles: SecretFiles, authorities: TrustedAuthorities },
      create: (needs) => new EmailOtp(config, needs),
    })
  },
})
