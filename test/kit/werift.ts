import type { Context } from 'mocha'
import { skipBecause } from './skip-because.ts'

interface Credentials {
  username: string
  password: string
}

/** Part of werift-ice's `Connection` that tests use. */
interface Connection {
  localUsername: string
  localPassword: string
  localCandidates: { toSdp: () => string }[]
  onData: { subscribe: (heard: (data: Uint8Array) => void) => unknown }
  gatherCandidates: () => Promise<void>
  setRemoteParams: (remote: { iceLite: boolean; usernameFragment: string; password: string }) => void
  addRemoteCandidate: (candidate: unknown) => Promise<void>
  connect: () => Promise<void>
  send: (data: Uint8Array) => Promise<void>
  close: () => Promise<void>
}

interface WeriftIce {
  Connection: new (controls: boolean, options: Record<string, unknown>) => Connection
  Candidate: { fromSdp: (text: string) => unknown }
}

/** An ICE agent of werift-ice with a UDP socket. */
export interface WeriftPeer {
  credentials: Credentials
  /** Its candidates, as text. */
  candidates: string[]
  /** Checks paths to another agent; resolves once there is one. */
  connect: (remote: { credentials: Credentials; candidates: readonly string[] }) => Promise<void>
  send: (text: string) => Promise<void>
  /** Resolves with the next data that it receives. */
  nextData: () => Promise<string>
  close: () => void
}

/** Name of the package: its declarations are for CommonJS, and are not compiled with these tests. */
const WERIFT: string = 'werift-ice'

/** Starts an agent of werift-ice at an address; skips the test if the package is not installed. */
export const startWerift = async (
  context: Context,
  { controls, address }: { controls: boolean; address: string },
): Promise<WeriftPeer> => {
  const werift = await load(context)
  const connection = new werift.Connection(controls, {
    useIpv4: true,
    useIpv6: false,
    additionalHostAddresses: [address],
  })
  await connection.gatherCandidates()
  return {
    credentials: { username: connection.localUsername, password: connection.localPassword },
    candidates: connection.localCandidates
      .map((candidate) => `candidate:${candidate.toSdp()}`)
      .filter((line) => line.includes(` ${address} `)),
    connect: async ({ credentials: { username, password }, candidates }) => {
      connection.setRemoteParams({ iceLite: false, usernameFragment: username, password })
      for (const line of candidates) {
        await connection.addRemoteCandidate(werift.Candidate.fromSdp(line.replace('candidate:', '')))
      }
      await connection.addRemoteCandidate(undefined)
      await connection.connect()
    },
    send: (text) => connection.send(Buffer.from(text)),
    nextData: () =>
      new Promise((resolve) => {
        connection.onData.subscribe((data) => resolve(new TextDecoder().decode(data)))
      }),
    close: () => void connection.close(),
  }
}

const load = async (context: Context): Promise<WeriftIce> => {
  try {
    const loaded = (await import(WERIFT)) as { default?: WeriftIce } & WeriftIce
    return loaded.default ?? loaded
  } catch {
    return skipBecause(context, 'werift-ice is not installed: run npm ci')
  }
}
