import type { Lab } from '../../../hosts/lab/lab.ts'
import { SETTING_UP } from '../../../hosts/lab/setting-up.ts'
import { walk } from '../../../hosts/lab/step.ts'
import { MACHINES, PORTAL_PORT } from '../../../hosts/lab/topology.ts'
import { World } from '../../../hosts/lab/world.ts'
import type { Call, Measured, ProbeQuestion } from '../child/withdrawal-probe.ts'
import { LineChild } from './line-child.ts'

/** Steps of the lab that a measurement does not need. */
const NOT_NEEDED = /scan|direct access|without the nonce|code from a mail/
const PORT = 7
/** Addresses of the protected server: one for each of a hundred removals at once. */
export const TARGETS = Array.from({ length: 100 }, (_, index) => `10.20.0.${110 + index}`)

/**
 * The lab with a client that can be started again and again, a protected server with many addresses, and a probe beside
 * the client.
 */
export class StandingLab {
  readonly world: World
  readonly #probe: LineChild
  readonly #client: LineChild
  readonly #echo: LineChild
  /** Token of the client's sign-in. */
  readonly ownToken: string

  private constructor(world: World, { probe, client, echo }: Record<'probe' | 'client' | 'echo', LineChild>) {
    this.world = world
    this.#probe = probe
    this.#client = client
    this.#echo = echo
    const { nonce = '', fragment = '' } = world.signedIn ?? {}
    this.ownToken = `${nonce}${fragment}`
  }

  static async open(lab: Lab): Promise<StandingLab> {
    const world = new World(lab)
    const steps = SETTING_UP.filter(({ name }) => !NOT_NEEDED.test(name))
    const reports = await walk(steps, world, { interrupted: lab.crashed, onReport: () => undefined })
    const failed = reports.find(({ ok }) => !ok)
    if (failed !== undefined) throw new Error(`${failed.name}: ${failed.detail}`)
    await lab.endPart('client')
    const { client, files } = lab.machines
    for (const address of TARGETS) await files.address('site', `${address}/32`)
    const echo = new LineChild(files, 'udp-echo', String(PORT), ...TARGETS)
    const probe = new LineChild(client, 'withdrawal-probe')
    const standing = new StandingLab(world, {
      probe,
      echo,
      client: new LineChild(client, 'client-again', await lab.clientConfig()),
    })
    await echo.line()
    const portal = `http://${MACHINES.portal.outside}:${PORTAL_PORT}`
    await standing.#ask({ ask: 'begin', portal, token: world.apiToken, port: PORT })
    await standing.startClient(standing.ownToken)
    return standing
  }

  /**
   * Calls the API and resolves with the bodies of the answers, in order.
   * @throws Error if one is refused
   */
  call(...calls: Call[]): Promise<unknown[]> {
    return this.#ask({ ask: 'call', calls }) as Promise<unknown[]>
  }

  /** Makes objects by the API and resolves with their ids. */
  async make(calls: Call[]): Promise<string[]> {
    return ((await this.call(...calls)) as { id: string }[]).map(({ id }) => id)
  }

  async reach(address: string): Promise<void> {
    await this.#ask({ ask: 'reach', address })
  }

  measure(removal: { address: string; call: Call; next: string | undefined }): Promise<Measured> {
    return this.#ask({ ask: 'measure', ...removal }) as Promise<Measured>
  }

  /**
   * Starts the client and waits until it is connected.
   * @throws Error if it ends instead
   */
  async startClient(token: string): Promise<void> {
    this.#client.tell({ token })
    const line = await this.#client.line()
    if (line !== 'connected') throw new Error(`the client: ${line}`)
  }

  /** Waits until the client has ended and restored its machine's network. */
  async clientEnded(): Promise<void> {
    const line = await this.#client.line()
    if (!line.startsWith('ended signed_out')) throw new Error(`the client: ${line}`)
  }

  async stop(): Promise<void> {
    await Promise.all([this.#probe, this.#client, this.#echo].map((child) => child.stop()))
  }

  async #ask(question: ProbeQuestion): Promise<unknown> {
    this.#probe.tell(question)
    const { answer, error } = JSON.parse(await this.#probe.line()) as { answer?: unknown; error?: string }
    if (error !== undefined) throw new Error(error)
    return answer
  }
}
