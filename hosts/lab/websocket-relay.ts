// Relay that is reached by a WebSocket over TLS too, and a client's router that may drop all UDP.
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import type { Namespace } from './namespace.ts'
import { MACHINES } from './topology.ts'

/** Machine of the relay, which has nothing else to do where there is no identity provider. */
const MACHINE = 'provider'
const HOST = 'services.example.org'

/** URL at which the relay takes WebSockets. */
export const RELAY_URL = `wss://${HOST}/relay/connect`

/** Makes the relay's certificate; returns the settings of the relay's configuration for WebSockets. */
export const webSocketSettings = async (lab: Lab): Promise<object> => {
  const certificate_file = certificateOf(lab)
  const key_file = join(lab.run.path, 'relay-key.pem')
  const subject = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`]
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const out = ['-keyout', key_file, '-out', certificate_file]
  await lab.machines[MACHINE].mustRun('openssl', ['req', '-x509', ...made, ...subject, ...out])
  return {
    websocket_url: RELAY_URL,
    websocket: { host: MACHINES[MACHINE].outside, port: 443, certificate_file, key_file },
  }
}

/** Returns the setting by which peers trust the relay's certificate. */
export const caFile = (lab: Lab): { ca_file: string } => ({ ca_file: certificateOf(lab) })

/** Returns the router of the client; throws if the client has none. */
export const clientRouter = (lab: Lab): Namespace => {
  const router = lab.routers.client
  if (router === undefined) throw new Error('the client has no router')
  return router
}

/** Makes the client's router its name server, at the router's address inside: names do without UDP beyond the router. */
export const serveNames = async (lab: Lab, address: string): Promise<void> => {
  const args = ['--no-daemon', '--conf-file=/dev/null', '--pid-file=', '--user=root', '--no-hosts', '--no-resolv']
  const server = `--server=${MACHINES.upstream.outside}`
  const names = clientRouter(lab).spawn('dnsmasq', [...args, server], { name: 'names' })
  await names.line((line) => line.includes('started'))
  await lab.machines.client.resolvConf(`nameserver ${address}\n`)
}

const certificateOf = ({ run }: Lab): string => join(run.path, 'relay.pem')
