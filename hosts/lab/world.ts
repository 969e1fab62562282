import type { ClientStatus } from '../client/session/client-status.ts'
import { askClient } from '../client/session/control-socket.ts'
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

/** State and actions shared by the steps of a story: the lab, and the objects created so far. */
export class World {
  readonly lab: Lab
  /** Ids of objects in the portal, by the names that the story gives them. */
  readonly ids = new Map<string, string>()
  /** Both halves of the client's token, after the sign-in. */
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

  /** API token of the admin. */
  get apiToken(): string {
    return this.#token
  }

  id(name: string): string {
    const id = this.ids.get(name)
    if (id === undefined) throw new Error(`nothing was made as ${name}`)
    return id
  }

  /** Creates an object and remembers its id under a name. */
  async make(name: string, collection: string, body: object): Promise<void> {
    const { id } = await this.api.create(collection, body)
    this.ids.set(name, id)
  }

  /** Requests a page with curl on the client's machine. */
  fetch(url: string, request: PageRequest = {}): Promise<PageVerdict> {
    return fetchPage(this.lab.machines.client, url, request)
  }

  /** Requests a page of a protected server and returns the request as the server saw it. Throws if there is no page. */
  async page(url: string, request: PageRequest = {}): Promise<SeenRequest & { ms: number }> {
    const answer = await this.fetch(url, request)
    if (!answer.ok) throw new Error(`${url}: ${answer.reason} (after ${answer.ms} ms)`)
    if (answer.status !== 200) throw new Error(`${url}: status ${answer.status}`)
    return { ...(JSON.parse(answer.body) as SeenRequest), ms: answer.ms }
  }

  /** Starts to request a host's page repeatedly, on the client's machine. */
  async reach(host: string): Promise<ReachWatch> {
    const [address = ''] = await this.resolve(host)
    return ReachWatch.start(this.lab.machines.client, { address, host })
  }

  /** Connects to a TCP port from the client's machine and returns the outcome. */
  async connect(host: string, port: number): Promise<ConnectVerdict> {
    const input = JSON.stringify({ host, port, timeoutMs: 5_000 })
    const { stdout } = await this.lab.machines.client.mustRun(process.execPath, labProgram('connect'), { input })
    return JSON.parse(stdout) as ConnectVerdict
  }

  /** Looks a name up with the client machine's resolver. */
  async resolve(name: string, type: 'A' | 'AAAA' = 'A'): Promise<string[]> {
    const { stdout } = await this.lab.machines.client.run('dig', ['+short', '+tries=1', '+time=5', name, type])
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
  }

  /** Waits until all addresses of a name satisfy `fits`. */
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

  /** Runs the command line on the client's machine. */
  portreeve(...args: string[]): Promise<CommandResult> {
    const env = { PORTREEVE_SOCKET: this.lab.clientSocket }
    return this.lab.machines.client.run(process.execPath, portreeve(...args), { env })
  }

  /** Runs the command line on the portal's machine with the admin's API token. */
  administer(...args: string[]): Promise<CommandResult> {
    const env = { PORTREEVE_PORTAL_URL: PORTAL_URL, PORTREEVE_TOKEN: this.#token }
    return this.lab.machines.portal.run(process.execPath, portreeve(...args), { env })
  }

  /** Asks the client for its status over its control socket, without the command line: it is asked in loops. */
  async clientStatus(): Promise<ClientStatus> {
    return (await askClient(this.lab.clientSocket, 'status')) as ClientStatus
  }

  /** Returns the gateway with an address at the site, which a server saw as a request's source. */
  gatewayAt(siteAddress: string): GatewayName {
    const gateway = GATEWAYS.find((name) => MACHINES[name].site === siteAddress)
    if (gateway === undefined) throw new Error(`the server saw ${siteAddress}, which is no gateway`)
    return gateway
  }
}

/** Whether an IPv4 address is a mapped one, in 100.96.0.0/11. */
export const isMapped = (address: string): boolean => {
  const [first, second] = address.split('.').map(Number)
  return first === 100 && second !== undefined && second >= 96 && second < 128
}

/** Fails the step, with the text `otherwise`, unless the expectation holds. */
export const expectThat = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new Error(otherwise)
}
