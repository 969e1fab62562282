import type { Knex } from 'knex'

/** Upstream resolvers of an account become settings of resolver plugins, in place of the three kinds that the portal knew. */
export const up = async (knex: Knex): Promise<void> => {
  await changeEach(knex, (resolver) => {
    const { type, ...members } = resolver as FixedKind
    const { address, url, serverName } = members
    const settings = {
      ...(address === undefined ? {} : { address }),
      ...(url === undefined ? {} : { url }),
      ...(serverName === undefined ? {} : { server_name: serverName }),
    }
    return { type, settings }
  })
}

/** Resolvers that the three kinds cannot express (other plugins, ports, certain domains only) are left out. */
export const down = async (knex: Knex): Promise<void> => {
  await changeEach(knex, (resolver) => {
    const { type, settings, match } = resolver as PluginKind
    const { address, url, server_name: serverName, ...others } = settings
    if (match !== undefined || Object.keys(others).length > 0) return undefined
    switch (type) {
      case 'udp':
        return { type, address }
      case 'https':
        return { type, url }
      case 'tls':
        return { type, address, serverName }
      default:
        return undefined
    }
  })
}

const changeEach = async (knex: Knex, change: (resolver: unknown) => object | undefined): Promise<void> => {
  const accounts = (await knex('accounts').select('id', 'upstream_resolvers')) as AccountRow[]
  for (const { id, upstream_resolvers } of accounts) {
    const resolvers = (JSON.parse(upstream_resolvers) as unknown[]).flatMap((resolver) => change(resolver) ?? [])
    await knex('accounts')
      .where({ id })
      .update({ upstream_resolvers: JSON.stringify(resolvers) })
  }
}

interface AccountRow {
  id: string
  upstream_resolvers: string
}

interface FixedKind {
  type: string
  address?: string
  url?: string
  serverName?: string
}

interface PluginKind {
  type: string
  settings: Record<string, unknown>
  match?: string[]
}
