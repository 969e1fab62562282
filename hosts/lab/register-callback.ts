import type { Namespace } from './namespace.ts'
import { fetchPage } from './page.ts'

/** Registers an address at the lab's identity provider, as an admin does there: browsers may be sent back to it. */
export const registerCallback = async (machine: Namespace, issuer: string, url: string): Promise<void> => {
  const answer = await fetchPage(machine, `${issuer}/redirect_uris`, { method: 'PUT', body: url })
  if (!answer.ok || answer.status !== 204) throw new Error(`the callback was not registered: ${JSON.stringify(answer)}`)
}
