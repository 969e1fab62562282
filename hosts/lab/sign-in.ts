import { randomBytes } from 'node:crypto'
import { labProgram } from './program.ts'
import type { Journey } from './program/browser.ts'
import { PORTAL_URL } from './topology.ts'
import { expectThat, type World } from './world.ts'

export interface SignInWay {
  /** Path of the portal's page where the sign-in begins. */
  path: string
  /** Values that the person enters, by the names of the fields. */
  answers: Readonly<Record<string, string>>
  /** URL of her mailbox, from which she takes a code. */
  mailbox?: string
}

/** Result of a sign-in: both halves of the client's token, the person's name, and the requests of the browser. */
export interface SignedIn {
  nonce: string
  fragment: string
  actorName: string
  hops: readonly string[]
}

/** Signs a person in, by a browser on the client's machine, as a client application would ask for it. */
export const signIn = async ({ lab }: World, { path, answers, mailbox }: SignInWay): Promise<SignedIn> => {
  const nonce = randomBytes(32).toString('hex')
  const state = randomBytes(32).toString('hex')
  const url = `${PORTAL_URL}/${path}?as=gui-client&nonce=${nonce}&state=${state}`
  const input = JSON.stringify({ url, answers, mailbox })
  const { stdout } = await lab.machines.client.mustRun(process.execPath, labProgram('browser'), { input })
  const { hops, final } = JSON.parse(stdout) as Journey
  const end = new URL(final)
  const fragment = end.searchParams.get('fragment') ?? ''
  expectThat(end.protocol === 'firezone-fd0020211111:', `it ended at ${end.protocol}//${end.host}${end.pathname}`)
  expectThat(end.searchParams.get('state') === state, 'the state came back changed')
  expectThat(fragment.startsWith('.'), 'there is no fragment in the last redirect')
  return { nonce, fragment, hops, actorName: end.searchParams.get('actor_name') ?? '?' }
}
