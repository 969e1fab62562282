import type { Namespace } from '../../../hosts/lab/namespace.ts'

const rules = (table: string, match: string): string => `
table inet ${table} {
  counter passed { }
  chain prerouting {
    type filter hook prerouting priority raw
    iifname "tun-gateway" ${match} counter name passed
  }
}
`

let watches = 0

/**
 * Counts packets that a gateway writes to its TUN device, and so lets out of its tunnels into the site: all, or those
 * that match.
 */
export class Passed {
  readonly #gateway: Namespace
  readonly #table: string

  private constructor(gateway: Namespace, table: string) {
    this.#gateway = gateway
    this.#table = table
  }

  /** Starts counting. `match` is an expression of nft: `tcp dport 80`. */
  static async watch(gateway: Namespace, match = ''): Promise<Passed> {
    const table = `watch${++watches}`
    await gateway.mustRun('nft', ['-f', '-'], { input: rules(table, match) })
    return new Passed(gateway, table)
  }

  async count(): Promise<number> {
    const { stdout } = await this.#gateway.mustRun('nft', ['-j', 'list', 'counter', 'inet', this.#table, 'passed'])
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { packets: number } }[] }
    return nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0
  }
}
