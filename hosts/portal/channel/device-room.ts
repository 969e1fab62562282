import { DAY, type UnixTime } from '../../../core/runtime/time.ts'
import type { Client } from '../store/entities.ts'
import type { Limits } from '../grants/limits.ts'
import type { Transaction } from '../store/store.ts'
import type { Census } from '../grants/census.ts'
import { Refusal } from './refusal.ts'

/** A device that was not seen for so long makes room for a new one of the same person or service account. */
const FORGOTTEN_MS = 30 * DAY
/** Nothing changes by itself soon: an admin has to do something. */
const RETRY_SECONDS = 300

/**
 * Makes room for the row of a new device, where its actor has as many as there may be: by removing the one that was seen longest ago, if that
 * is long ago and nobody vouched for it.
 * @throws Refusal limits_exceeded
 */
export const roomForDevice = async (
  tx: Transaction,
  {
    accountId,
    actorId,
    census,
    limits,
    now,
  }: { accountId: string; actorId: string; census: Census; limits: Limits; now: UnixTime },
): Promise<void> => {
  if (census.devicesIn(accountId) >= limits.devices_per_account) {
    throw exceeded(
      `The account has ${limits.devices_per_account} devices, the most there may be`,
      'devices_per_account',
    )
  }
  if (census.devicesOf(actorId) < limits.devices_per_actor) return
  const forgotten = (await tx.list('clients', { where: { actorId } }))
    .filter(({ id, verifiedAt, lastSeenAt, createdAt }) => {
      return verifiedAt === null && !census.isConnected(id) && now - (lastSeenAt ?? createdAt) > FORGOTTEN_MS
    })
    .toSorted((a, b) => seen(a) - seen(b))
  const [oldest] = forgotten
  if (oldest !== undefined) {
    await tx.remove('clients', oldest.id)
    return
  }
  throw exceeded(
    `This person or service account has ${limits.devices_per_actor} devices, the most there may be: an admin has to remove some`,
    'devices_per_actor',
  )
}

/** @throws Refusal limits_exceeded where a site has as many gateways as there may be */
export const roomForGateway = ({
  siteId,
  census,
  limits,
}: {
  siteId: string
  census: Census
  limits: Limits
}): void => {
  if (census.gatewaysOf(siteId) < limits.gateways_per_site) return
  throw exceeded(
    `The site has ${limits.gateways_per_site} gateways, the most there may be: an admin has to remove some`,
    'gateways_per_site',
  )
}

const seen = ({ lastSeenAt, createdAt }: Client): number => lastSeenAt ?? createdAt

const exceeded = (detail: string, limit: string): Refusal =>
  new Refusal('limits_exceeded', {
    retryAfterSeconds: RETRY_SECONDS,
    reason: limit,
    detail: `${detail} (limits.${limit})`,
  })
