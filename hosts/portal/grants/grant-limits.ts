import type { Client } from '../store/entities.ts'
import type { Context } from './context.ts'

/** Why a device may have no further grant, as a clause for people; undefined where it may. */
export const grantLimit = (
  { grants, limits, view }: Context,
  { id: clientId, actorId, accountId }: Pick<Client, 'id' | 'actorId' | 'accountId'>,
): string | undefined => {
  if (grants.count({ clientId }) >= limits.grants_per_device) {
    return `this device has ${limits.grants_per_device} grants, and more are not given (limits.grants_per_device)`
  }
  let ofActor = 0
  for (const id of view.clientsOf(actorId)) ofActor += grants.count({ clientId: id })
  if (ofActor >= limits.grants_per_actor) {
    return `the devices of this person or service account have ${limits.grants_per_actor} grants together, and more are not given (limits.grants_per_actor)`
  }
  if (grants.count({ accountId }) >= limits.grants_per_account) {
    return `the account has ${limits.grants_per_account} grants, and more are not given (limits.grants_per_account)`
  }
  return undefined
}

/** Whether a gateway has room for one grant more: it is told of all of them in one message when it connects. */
export const hasRoom = ({ grants, limits }: Context, gatewayId: string): boolean =>
  grants.count({ gatewayId }) < limits.grants_per_gateway
