import type { ClientStatus } from '../client/session/client-status.ts'
import type { CommandResult } from './command.ts'
import { eventually } from './eventually.ts'
import type { Lab } from './lab.ts'
import { fetchPage, type PageRequest, type PageVerdict } from './page.ts'
import type { Part } from './part.ts'
import { PortalApi } from './portal-api.ts'
import { labProgram, portreeve } from './program.ts'
import type { ConnectVerdict } from './program/connect.ts'
import type { SeenRequest } from './program/web-server.ts'
import { ReachWatch } from './reach-watch.ts'
import { GATEWAYS, MACHINES, PORTAL_URL, type GatewayName } from './topology.ts'

/** What the steps of a story know and do together: the lab, and what has been made in it so far. */
export class World {
  readonly lab: Lab
  /** Ids of the portal's objects, by the story's own names for them. */
  readonly ids = new Map<string, string>()
  /** The client's token in two halves, once somebody has signed in. */
  signedIn: { nonce: string; fragment: string } | undefined
  watch: Part | undefined
  #api: PortalApi | undefined
  #token = ''

  constructor(lab: Lab) {
    this.lab = lab
  }

  get api(): PortalApi {
    if (this.#api === undefined) throw new Error('there is no account yet')
    return this.#api
  }

  useApiToken(token: string): void {
    this.#token = token
    this.#api = new PortalApi({ machine: this.lab.machines.portal, url: PORTAL_URL, token })
  }

  /** The admin's. */
  get apiToken(): string {
    return this.#token
  }

  id(name: string): string {
    const id = this.ids.get(name)
    if (id === undefined) throw new Error(`nothing was made as ${name}`)
    return id
  }

  /** Makes an object and remembers it under a name. */
  async make(name: string, collection: string, body: object): Promise<void> {
    const { id } = await this.api.create(collection, body)
    this.ids.set(name, id)
  }

  /** A page, asked for on the client's machine by an ordinary program. */
  fetch(url: string, request: PageRequest = {}): Promise<PageVerdict> {
    return fetchPage(this.lab.machines.client, url, request)
  }

  /** A page of a protected server: what it saw. Throws where there is none. */
  async page(url: string, request: PageRequest = {}): Promise<SeenRequest & { ms: number }> {
    const answer = await this.fetch(url, request)
    if (!answer.ok) throw new Error(`${url}: ${answer.reason} (after ${answer.ms} ms)`)
    if (answer.status !== 200) throw new Error(`${url}: status ${answer.status}`)
    return { ...(JSON.parse(answer.body) as SeenRequest), ms: answer.ms }
  }

  /** Begins to ask for a name's page over and over, on the client's machine. */
  async reach(host: string): Promise<ReachWatch> {
    const [address = ''] = await this.resolve(host)
    return ReachWatch.start(this.lab.machines.client, { address, host })
  }

  /** How the system answers a program on the client's machine that connects. */
  async connect(host: string, port: number): Promise<ConnectVerdict> {
    const input = JSON.stringify({ host, port, timeoutMs: 5_000 })
    const { stdout } = await this.lab.machines.client.mustRun(process.execPath, labProgram('connect'), { input })
    return JSON.parse(stdout) as ConnectVerdict
  }

  /** What the client's system resolver says to a program. */
  async resolve(name: string, type: 'A' | 'AAAA' = 'A'): Promise<string[]> {
    const { stdout } = await this.lab.machines.client.run('dig', ['+short', '+tries=1', '+time=5', name, type])
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
  }

  /** Waits until a name has addresses that fit. */
  resolvesTo(name: string, fits: (address: string) => boolean, timeoutMs = 10_000): Promise<string[]> {
    return eventually(
      async () => {
        const addresses = await this.resolve(name)
        if (addresses.length > 0 && addresses.every(fits)) return addresses
        throw new Error(`it is ${addresses.join(' ') || 'unknown'}`)
      },
      { what: `${name} at the client`, timeoutMs },
    )
  }

  /** The command line, on the client's machine. */
  portreeve(...args: string[]): Promise<CommandResult> {
    const env = { PORTREEVE_SOCKET: this.lab.clientSocket }
    return this.lab.machines.client.run(process.execPath, portreeve(...args), { env })
  }

  /** The command line, on the portal's machine, with the admin's API token. */
  administer(...args: string[]): Promise<CommandResult> {
    const env = { PORTREEVE_PORTAL_URL: PORTAL_URL, PORTREEVE_TOKEN: this.#token }
    return this.lab.machines.portal.run(process.execPath, portreeve(...args), { env })
  }

  async clientStatus(): Promise<ClientStatus> {
    const { stdout, stderr } = await this.portreeve('client', 'status', '--json')
    if (stdout === '') throw new Error(stderr.trim())
    return JSON.parse(stdout) as ClientStatus
  }

  /** Which gateway a server saw a request come from. */
  gatewayAt(siteAddress: string): GatewayName {
    const gateway = GATEWAYS.find((name) => MACHINES[name].site === siteAddress)
    if (gateway === undefined) throw new Error(`the server saw ${siteAddress}, which is no gateway`)
    return gateway
  }
}

/** In 100.96.0.0/11. */
export const isMapped = (address: string): boolean => {
  const [first, second] = address.split('.').map(Number)
  return first === 100 && second !== undefined && second >= 96 && second < 128
}

/** A step's expectation. */
export const expectThat = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new Error(otherwise)
}
