import type { Namespace } from '../../../hosts/lab/namespace.ts'

/** In place of those of an earlier watch. */
const RULES = `
table inet watch
delete table inet watch
table inet watch {
  counter passed { }
  chain prerouting {
    type filter hook prerouting priority raw
    iifname "tun-gateway" counter name passed
  }
}
`

/** Counts what a gateway lets out of its tunnels into the site: every packet that it writes to its TUN device. */
export class Passed {
  readonly #gateway: Namespace

  private constructor(gateway: Namespace) {
    this.#gateway = gateway
  }

  static async watch(gateway: Namespace): Promise<Passed> {
    await gateway.mustRun('nft', ['-f', '-'], { input: RULES })
    return new Passed(gateway)
  }

  async count(): Promise<number> {
    const { stdout } = await this.#gateway.mustRun('nft', ['-j', 'list', 'counter', 'inet', 'watch', 'passed'])
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { packets: number } }[] }
    return nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0
  }
}
