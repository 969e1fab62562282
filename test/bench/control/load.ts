import { Agent, request } from 'node:http'
import { createHash } from 'node:crypto'
import { LoadPeer } from './load-peer.ts'
import type { Done, Seeded, Task } from './messages.ts'
import { ACTORS, BLOCK, GATEWAYS } from './shape.ts'

/** Clients that connect at the same time while there come to be more. */
const GROW_AT_ONCE = 32
/** Time after which a refused client asks again. */
const AGAIN_MS = 500
/** Devices behind one address, as in an office. */
const OFFICE = 100

/** Gateways, clients and callers of the REST API of one account. */
export class Load {
  #url = new URL('http://127.0.0.1')
  #seeded: Seeded = { apiToken: '', clientTokens: [], gatewayTokens: [], resourceIds: [], groupIds: [], siteIds: [] }
  readonly #clients: LoadPeer[] = []
  readonly #gateways: LoadPeer[] = []
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })
  readonly #waiting = new Map<string, () => void>()
  readonly #refused: Record<string, number> = {}
  #told: ((resourceId: string) => void) | undefined
  #authorized = 0
  #rejoined = 0
  #written = 0

  async run(task: Task): Promise<Done> {
    for (const status of Object.keys(this.#refused)) delete this.#refused[status]
    const ms = await this.#carryOut(task)
    return { ms, at: performance.timeOrigin + performance.now(), refused: { ...this.#refused } }
  }

  async #carryOut(task: Task): Promise<number[]> {
    switch (task.task) {
      case 'begin':
        this.#url = new URL(task.url)
        this.#seeded = task.seeded
        return inTurns(GATEWAYS, 4, async (at) => {
          const gateway = this.#peer('gateway', at, task.seeded.gatewayTokens[at] ?? '')
          this.#gateways.push(gateway)
          await gateway.join()
        })
      case 'grow':
        return inTurns(task.clients - this.#clients.length, GROW_AT_ONCE, async () => {
          const at = this.#clients.length
          const client = this.#peer('client', at, this.#seeded.clientTokens[actorOf(at)] ?? '')
          this.#clients.push(client)
          await client.join()
        })
      case 'rejoin':
        return inTurns(task.times, task.atOnce, async () => {
          const client = this.#clients[this.#rejoined++ % this.#clients.length]
          await client?.leave()
          await client?.join()
        })
      case 'authorize':
        return inTurns(task.times, task.atOnce, () => this.#authorize(this.#authorized++))
      case 'write':
        return inTurns(task.times, task.atOnce, () => this.#write(this.#written++))
      case 'tell':
        return [await this.#tell()]
      case 'return':
        await Promise.all([...this.#gateways, ...this.#clients].map(async (peer) => peer.joined()))
        return []
    }
  }

  #peer(role: 'client' | 'gateway', at: number, token: string): LoadPeer {
    return new LoadPeer({
      url: this.#url,
      role,
      token,
      externalId: `${role}-${at}`,
      publicKey: createHash('sha256').update(`${role} ${at}`).digest('base64'),
      localAddress:
        role === 'gateway'
          ? '127.0.0.2'
          : `127.0.${1 + (Math.floor(at / OFFICE) >> 8)}.${1 + (Math.floor(at / OFFICE) & 0x7f)}`,
      onEvent: (peer, event, payload) => this.#heard(peer, event, payload),
      onRefused: (status) => (this.#refused[status] = (this.#refused[status] ?? 0) + 1),
    })
  }

  #heard(peer: LoadPeer, event: string, payload: unknown): void {
    if (event === 'create_authorization') {
      return peer.send('authorization_created', { ref: (payload as { ref: string }).ref })
    }
    if (event === 'authorization_created' || event === 'authorization_creation_failed') {
      const { resource_id: resourceId, reason = '' } = payload as { resource_id: string; reason?: string }
      if (event === 'authorization_creation_failed') return this.#askAgain(peer, { resourceId, reason })
      const key = `${peer.externalId} ${resourceId}`
      this.#waiting.get(key)?.()
      this.#waiting.delete(key)
    } else if (event === 'resource_created_or_updated') {
      this.#told?.((payload as { id: string }).id)
    }
  }

  /** Requests access to a resource for one of the clients, each time another one. */
  async #authorize(count: number): Promise<void> {
    const at = count % this.#clients.length
    const client = this.#clients[at]
    const block = Math.floor(actorOf(at) / BLOCK.actors)
    const resourceId =
      this.#seeded.resourceIds[
        block * BLOCK.resources + (Math.floor(count / this.#clients.length) % BLOCK.resources)
      ] ?? ''
    await new Promise<void>((resolve) => {
      this.#waiting.set(`${client?.externalId} ${resourceId}`, resolve)
      client?.send('request_authorization', { resource_id: resourceId, connected_gateway_ids: [] })
    })
  }

  /** Counts a refusal, as where a gateway on a busy machine has not answered in a second, and asks once more. */
  #askAgain(client: LoadPeer, { resourceId, reason }: { resourceId: string; reason: string }): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1
    setTimeout(() => {
      client.send('request_authorization', { resource_id: resourceId, connected_gateway_ids: [] })
    }, AGAIN_MS)
  }

  /** Makes a group, renames it, or removes it. */
  async #write(count: number): Promise<void> {
    const group = `group ${count}`
    const { id } = (await this.#call('POST', '/groups', { name: group })) as { id: string }
    await this.#call('PATCH', `/groups/${id}`, { name: `${group} again` })
    await this.#call('DELETE', `/groups/${id}`)
  }

  async #tell(): Promise<number> {
    const [siteId, groupId] = [this.#seeded.siteIds[0], this.#seeded.groupIds[0]]
    const resource = { name: 'News', type: 'dns', address: 'news.example.org', site_id: siteId }
    const { id } = (await this.#call('POST', '/resources', resource)) as { id: string }
    const concerned = this.#clients.filter((_, at) => actorOf(at) < BLOCK.actors).length
    let told = 0
    const last = new Promise<void>((resolve) => {
      this.#told = (resourceId) => {
        if (resourceId === id && ++told === concerned) resolve()
      }
    })
    const begun = performance.now()
    await Promise.all([this.#call('POST', '/policies', { group_id: groupId, resource_id: id }), last])
    const ms = performance.now() - begun
    await this.#call('DELETE', `/resources/${id}?cascade=true`)
    return ms
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const [url, text] = [new URL(`/api/v1${path}`, this.#url), JSON.stringify(body)]
    const headers = {
      authorization: `Bearer ${this.#seeded.apiToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method, headers, agent: this.#agent }, (incoming) => {
        let answer = ''
        incoming.setEncoding('utf8').on('data', (part: string) => (answer += part))
        incoming.once('end', () => {
          const status = incoming.statusCode ?? 0
          if (status >= 300) reject(new Error(`${method} ${path}: ${status} ${answer}`))
          else resolve(answer === '' ? undefined : JSON.parse(answer))
        })
      })
      outgoing.once('error', reject)
      outgoing.end(text)
    })
  }
}

const actorOf = (client: number): number => (client * 7) % ACTORS

/** Does some work so many times, some at once; returns the milliseconds of each. */
const inTurns = async (times: number, atOnce: number, work: (at: number) => Promise<void>): Promise<number[]> => {
  const ms: number[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < times) {
      const begun = performance.now()
      await work(next++)
      ms.push(performance.now() - begun)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, Math.max(0, times)) }, lane))
  return ms
}
