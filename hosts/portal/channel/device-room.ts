import { DAY, type UnixTime } from '../../../core/runtime/time.ts'
import type { Client } from '../store/entities.ts'
import type { Limits } from '../grants/limits.ts'
import type { Transaction } from '../store/store.ts'
import type { Census } from '../grants/census.ts'
import { Refusal } from './refusal.ts'

/** Time since a device was last seen after which it may be removed to make room for a new one of the same actor. */
const FORGOTTEN_MS = 30 * DAY
/** Retry interval for a refused peer; long, because only an admin can make room. */
const RETRY_SECONDS = 300

/**
 * Makes room for a new device's row if its actor has the maximum number of devices: removes the one seen longest ago,
 * if it was not seen for `FORGOTTEN_MS` and no admin verified it.
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
    throw exceeded(`The account has ${limits.devices_per_account} devices, which is the maximum`, 'devices_per_account')
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
    `This person or service account has ${limits.devices_per_actor} devices, which is the maximum: an admin has to remove some`,
    'devices_per_actor',
  )
}

/** Checks that a site may get another gateway. @throws Refusal limits_exceeded */
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
    `The site has ${limits.gateways_per_site} gateways, which is the maximum: an admin has to remove some`,
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
