// The organisation's identity provider: the package `oidc-provider` as it comes, with its own development log-in pages.
import { createServer } from 'node:http'
import { readInput } from './stdin.ts'

interface Input {
  issuer: string
  address: string
  port: number
  client: { id: string; secret: string; redirectUri: string }
}

/** What is used of the package, which has no types of its own. */
interface ProviderModule {
  default: new (
    issuer: string,
    configuration: object,
  ) => {
    callback: () => Parameters<typeof createServer>[1]
    on: (event: string, listener: (...args: never[]) => void) => void
  }
}

const { issuer, address, port, client } = await readInput<Input>()
const packageName = 'oidc-provider'
const { default: Provider } = (await import(packageName)) as ProviderModule

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: [client.redirectUri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  // The development pages take any name: ada is ada@example.org.
  findAccount: (_context: unknown, id: string) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id, email: `${id}@example.org`, email_verified: true }),
  }),
})
for (const event of ['server_error', 'authorization.error', 'grant.error']) {
  provider.on(event, (_context, error) => process.stderr.write(`${event}: ${String(error)}\n`))
}
createServer(provider.callback()).listen(port, address, () => process.stdout.write('ready\n'))
