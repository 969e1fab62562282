import type { IceCredentials } from '../../../core/crypto/pair-secrets.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'

/** Connectivity check to send to a gateway in the name of one of its clients. */
export interface GatewayCheck {
  endpoint: Endpoint
  client: IceCredentials
  gateway: IceCredentials
}
