// Messages between the bench and its load generator.

/** Tokens and ids of the account that is measured. */
export interface Seeded {
  apiToken: string
  clientTokens: string[]
  gatewayTokens: string[]
  resourceIds: string[]
  groupIds: string[]
  siteIds: string[]
}

/** Work for the load generator; each is answered once it is done. */
export type Task =
  | { task: 'begin'; url: string; seeded: Seeded }
  /** Connects clients until there are so many. */
  | { task: 'grow'; clients: number }
  /** Disconnects so many clients one after the other, some at once, and connects them again. */
  | { task: 'rejoin'; times: number; atOnce: number }
  /** Requests access to resources that the clients have none to. */
  | { task: 'authorize'; times: number; atOnce: number }
  /** Writes by the REST API. */
  | { task: 'write'; times: number; atOnce: number }
  /** Makes a resource visible to a tenth of the clients, and waits until the last of them is told. */
  | { task: 'tell' }
  /** Waits until each peer has lost its connection and has joined again. */
  | { task: 'return' }

/** Outcome of a task. */
export interface Done {
  /** Milliseconds of each piece of work, or of the whole. */
  ms: number[]
  /** Time at which it was done (Unix milliseconds). */
  at: number
  /** Number of connects that the portal refused meanwhile, by status. */
  refused: Record<string, number>
}
