// Runs in a namespace whose loopback has an MTU of 1500, see datagram-socket.test.ts: datagrams that are joined when
// they are sent, but whose segments do not fit the path, have to be sent one by one, as fragments.
import { endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import { createDatagramSockets } from '../../../hosts/runtime/index.ts'

const COUNT = 20
const SIZES = [1400, 3000, 1400]
/** Lengths of probes: one that does not fit is lost, and a later one is not. */
const PROBES = [1300, 2000, 1452]
const LAST = 1

interface Outcome {
  datagrams: number
  probes: number[]
}

const exchange = async (family: Family, address: string): Promise<Outcome> => {
  let received = 0
  const probes: number[] = []
  let done = (): void => undefined
  const receiver = await createDatagramSockets().open({
    family,
    address,
    port: 0,
    onBatch: (batch) => {
      for (const { bytes } of batch) {
        if (SIZES.includes(bytes.length) && bytes.every((byte) => byte === bytes[0])) received++
        else if (bytes.length === LAST) done()
        else probes.push(bytes.length)
      }
    },
    onError: (error) => {
      throw error
    },
  })
  const sender = await createDatagramSockets().open({
    family,
    port: 0,
    onBatch: () => undefined,
    onError: () => undefined,
  })
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 30_000)
    done = () => {
      clearTimeout(timer)
      resolve()
    }
    const to = endpoint(address, receiver.port)
    sender.send(
      SIZES.flatMap((size) =>
        Array.from({ length: COUNT }, (_, index) => ({ to, bytes: new Uint8Array(size).fill(index) })),
      ),
    )
    sender.send(PROBES.map((size) => ({ to, bytes: new Uint8Array(size), isProbe: true })))
    sender.send([{ to, bytes: new Uint8Array(LAST) }])
  })
  await sender.close()
  await receiver.close()
  return { datagrams: received, probes }
}

const result = { ipv4: await exchange('ipv4', '127.0.0.1'), ipv6: await exchange('ipv6', '::1') }
process.stdout.write(`${JSON.stringify(result)}\n`)
