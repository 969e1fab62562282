import type { Namespace } from '../../../hosts/lab/namespace.ts'

const rules = (table: string, { device, match }: { device: string; match: string }): string => `
table inet ${table} {
  counter passed { }
  chain prerouting {
    type filter hook prerouting priority raw
    iifname "${device}" ${match} counter name passed
  }
}
`

let watches = 0

/**
 * Counts packets that a gateway, or a client, writes to its TUN device, and so lets out of its tunnels: all, or those
 * that match.
 */
export class Passed {
  readonly #machine: Namespace
  readonly #table: string

  private constructor(machine: Namespace, table: string) {
    this.#machine = machine
    this.#table = table
  }

  /** Starts counting. `match` is an expression of nft: `tcp dport 80`. */
  static async watch(machine: Namespace, match = '', device = 'tun-gateway'): Promise<Passed> {
    const table = `watch${++watches}`
    await machine.mustRun('nft', ['-f', '-'], { input: rules(table, { device, match }) })
    return new Passed(machine, table)
  }

  async count(): Promise<number> {
    const { stdout } = await this.#machine.mustRun('nft', ['-j', 'list', 'counter', 'inet', this.#table, 'passed'])
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { packets: number } }[] }
    return nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0
  }
}
