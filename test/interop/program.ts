import { delimiter } from 'node:path'

/** Program that plays one end of a pair: Portreeve's own, or the executable of a released peer. */
export type Program = { product: 'portreeve' } | { product: 'released'; path: string }

/** Programs that play each end, Portreeve's own first. */
export interface Programs {
  client: readonly Program[]
  gateway: readonly Program[]
}

/** Environment variables that name the executables of released peers, and what they want. */
export const WANTED = {
  FIREZONE_GATEWAY: 'path of the executable of a released Linux gateway',
  FIREZONE_CLIENT: 'path of the executable of a released headless Linux client',
} as const

type Environment = Readonly<Record<string, string | undefined>>

/** Returns the variables of `WANTED` that name nothing. */
export const lacking = (environment: Environment): (keyof typeof WANTED)[] =>
  (Object.keys(WANTED) as (keyof typeof WANTED)[]).filter((name) => paths(environment[name]).length === 0)

/** Reads the programs from the environment; each variable may name several, separated as in PATH. */
export const programsOf = (environment: Environment): Programs => ({
  client: [{ product: 'portreeve' }, ...released(environment['FIREZONE_CLIENT'])],
  gateway: [{ product: 'portreeve' }, ...released(environment['FIREZONE_GATEWAY'])],
})

/** Returns the pairs of each client with each gateway; of one pair of products (`released-portreeve`) if `only` names it. */
export const pairingsOf = (programs: Programs, only: string | undefined): { client: Program; gateway: Program }[] =>
  programs.client
    .flatMap((client) => programs.gateway.map((gateway) => ({ client, gateway })))
    .filter(({ client, gateway }) => only === undefined || only === `${client.product}-${gateway.product}`)

/** Name of a program for people. */
export const programName = (program: Program): string => (program.product === 'portreeve' ? 'portreeve' : program.path)

const released = (text: string | undefined): Program[] => paths(text).map((path) => ({ product: 'released', path }))

const paths = (text = ''): string[] => text.split(delimiter).filter((path) => path !== '')
