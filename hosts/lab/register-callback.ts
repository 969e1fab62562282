import type { Namespace } from './namespace.ts'
import { fetchPage } from './page.ts'

/** Registers a redirect URI at the lab's identity provider, as its admin would. */
export const registerCallback = async (machine: Namespace, issuer: string, url: string): Promise<void> => {
  const answer = await fetchPage(machine, `${issuer}/redirect_uris`, { method: 'PUT', body: url })
  if (!answer.ok || answer.status !== 204) throw new Error(`the callback was not registered: ${JSON.stringify(answer)}`)
}
