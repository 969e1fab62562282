// Identity provider of the lab's organisation: the package `oidc-provider` with its own development log-in pages. Also
// its mail server, `smtp-server`; the last mail to an address can be read at /mailbox/ADDRESS.
import { createServer } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { readInput } from './stdin.ts'

/** Path at which a redirect URI is registered by PUT, in place of a form for the organisation's admin. */
const REGISTRATION = '/redirect_uris'

interface Input {
  issuer: string
  address: string
  port: number
  mailPort: number
  client: { id: string; secret: string }
}

/** Parts of the package `oidc-provider` used here; it has no types of its own. */
interface ProviderModule {
  default: new (
    issuer: string,
    configuration: object,
  ) => {
    callback: () => Parameters<typeof createServer>[1]
    Client: { prototype: { redirectUriAllowed: (uri: string) => boolean } }
    on: (event: string, listener: (...args: never[]) => void) => void
  }
}

interface MailModule {
  SMTPServer: new (options: {
    authOptional: boolean
    disabledCommands: string[]
    onData: (stream: Readable, session: { envelope: { rcptTo: { address: string }[] } }, done: () => void) => void
  }) => { listen: (port: number, address: string, ready: () => void) => void }
}

const { issuer, address, port, mailPort, client } = await readInput<Input>()
const packageName = 'oidc-provider'
const { default: Provider } = (await import(packageName)) as ProviderModule

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: [`${issuer}/unused`],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  // The development pages accept any login; `ada` has the address ada@example.org.
  findAccount: (_context: unknown, id: string) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id, email: `${id}@example.org`, email_verified: true }),
  }),
})
// The package wants a redirect URI at the start, but the portal's is known only after the portal knows the provider: it
// is registered later, by PUT.
const registered = new Set<string>()
provider.Client.prototype.redirectUriAllowed = (uri) => registered.has(uri)
for (const event of ['server_error', 'authorization.error', 'grant.error']) {
  provider.on(event, (_context, error) => process.stderr.write(`${event}: ${String(error)}\n`))
}

const mailbox = new Map<string, string>()
const mailPackage = 'smtp-server'
const { SMTPServer } = (await import(mailPackage)) as MailModule
const mail = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS', 'AUTH'],
  onData: (stream, { envelope }, done) => {
    void text(stream).then((letter) => {
      for (const recipient of envelope.rcptTo) mailbox.set(recipient.address, letter)
      done()
    })
  },
})
const pages = provider.callback()
const server = createServer((request, response) => {
  if (request.method === 'PUT' && request.url === REGISTRATION) {
    void text(request).then((uri) => {
      registered.add(uri)
      response.writeHead(204).end()
    })
    return
  }
  const recipient = /^\/mailbox\/([^/?]+)$/.exec(request.url ?? '')?.[1]
  if (recipient === undefined) return pages?.(request, response)
  const letter = mailbox.get(decodeURIComponent(recipient))
  response.writeHead(letter === undefined ? 404 : 200, { 'content-type': 'text/plain' }).end(letter)
})
mail.listen(mailPort, address, () => server.listen(port, address, () => process.stdout.write('ready\n')))
