import { OperatorError } from '../../core/config/operator-error.ts'
import type { DnsExchange, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { HttpClient } from '../../core/runtime/http-client.ts'
import type { OutgoingSockets } from '../../core/runtime/outgoing-sockets.ts'
import { Secret } from '../../core/runtime/secret.ts'
import type { SecretFiles } from '../../core/runtime/secret-files.ts'
import type { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import { SocketDnsExchange } from '../../hosts/runtime/dns-exchange.ts'
import { NodeHttpClient } from '../../hosts/runtime/http-client.ts'
import { NodeOutgoingSockets } from '../../hosts/runtime/outgoing-sockets.ts'
import { TrustedCertificates } from '../../hosts/runtime/trusted-certificates.ts'

/** Makes the hosts' HTTP client: real sockets, any address. */
export const createHttpClient = (): HttpClient => new NodeHttpClient()

/** Makes the hosts' DNS exchange: real sockets. `ca` are certificates in PEM that TLS trusts, those of Node.js by default. */
export const createDnsExchange = ({ ca }: { ca?: string } = {}): DnsExchange =>
  new SocketDnsExchange(ca === undefined ? {} : { ca })

/** Makes secret files that are in memory: their contents by path. Any other path fails as a missing file does. */
export const createSecretFiles = (contents: Readonly<Record<string, string>> = {}): SecretFiles => ({
  read: ({ path, name }) => {
    const text = Object.hasOwn(contents, path) ? contents[path] : undefined
    if (text !== undefined) return Promise.resolve(new Secret(text))
    return Promise.reject(new OperatorError('SECRET_FILE_MISSING', `${name} ${path} is not there.`))
  },
})

/** Makes the system's configuration of name servers: those that `servers` has at the time of asking. */
export const createSystemResolvers = (servers: readonly Endpoint[]): SystemResolvers => ({
  servers: () => [...servers],
})

/** Makes the hosts' UDP and TCP sockets. `ca` are certificates in PEM that TLS trusts, the machine's by default. */
export const createOutgoingSockets = ({ ca }: { ca?: string } = {}): OutgoingSockets =>
  new NodeOutgoingSockets(ca === undefined ? {} : { ca })

/** Makes the authorities that a host trusts; `pem` are certificates in place of the machine's. */
export const createTrustedAuthorities = ({ pem }: { pem?: readonly string[] } = {}): TrustedAuthorities =>
  pem === undefined ? new TrustedCertificates() : { pem: () => [...pem] }
