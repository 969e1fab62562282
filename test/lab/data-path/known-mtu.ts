import { eventually } from '../../../hosts/lab/eventually.ts'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

/**
 * Waits until a machine's kernel knows the path MTU (one of several values) to an address. Kernels forget and learn
 * while packets pass, so the value is read repeatedly; `again` sends the packets that teach it.
 */
export const knowsMtu = async (
  machine: Pick<Namespace, 'mustRun'>,
  { address, mtu, again }: { address: string; mtu: number | readonly number[]; again?: () => Promise<unknown> },
): Promise<void> => {
  let isFirst = true
  await eventually(
    async () => {
      if (!isFirst) await again?.()
      isFirst = false
      const { stdout } = await machine.mustRun('ip', ['route', 'get', address])
      const known = Number(/ mtu (\d+)/.exec(stdout)?.[1])
      if (![mtu].flat().includes(known)) throw new Error(stdout.trim())
      return true
    },
    { what: `packets of ${[mtu].flat().join(' or ')} bytes to ${address}`, timeoutMs: PATIENCE_MS },
  )
}
