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
//   { "name": "E-mail", "type": "email_otp", "settings": {} }
import { definePlugin, IdentityProviders } from 'portreeve'
import { Config, Settings } from './config.ts'
import { emailOtpWith } from './email-otp.ts'

export const plugin = definePlugin({
  name: 'identity-email-otp',
  api: 1,
  config: Config,
  setup({ provide, config }) {
    provide(IdentityProviders, 'email_otp', emailOtpWith(config), { settings: Settings })
  },
})
