// Written by hosts/api/generate from the portal’s OpenAPI description at each build. Changes by hand are lost.

/** Schema `Account` of the API. */
export type Account = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly slug: string
  readonly name: string
  readonly upstream_resolvers: ReadonlyArray<{
    readonly type: string
    readonly settings: Readonly<Record<string, unknown>>
    readonly match?: ReadonlyArray<string> | undefined
  }>
  readonly search_domain: string | null
  readonly address_ranges: AddressRanges
}

/** Schema `AddressRanges` of the API. */
export type AddressRanges = {
  readonly devices_ipv4: string
  readonly devices_ipv6: string
  readonly mapped_ipv4: string
  readonly mapped_ipv6: string
}

/** Schema `Me` of the API. */
export type Me = {
  readonly account: {
    readonly id: string
    readonly slug: string
    readonly name: string
  }
  readonly actor: {
    readonly id: string
    readonly type: string
    readonly name: string
    readonly email: string | null
  }
  /** `token`: Token of the call; null for a call that the portal makes on behalf of a session */
  readonly token: {
    readonly id: string
    readonly name: string
    readonly expires_at: string | null
    readonly is_emergency: boolean
  } | null
  /** `scopes`: Scopes of the token; null if it is narrowed by none */
  readonly scopes: ReadonlyArray<string> | null
  /** `permissions`: What the call may do: what the scopes, the actor and the maker of the token have in common */
  readonly permissions: ReadonlyArray<string>
}

/** Schema `Site` of the API. */
export type Site = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly name: string
  readonly selector: string
  readonly selector_settings: Readonly<Record<string, unknown>>
}

/** Schema `Removal` of the API. */
export type Removal = {
  /** `rows`: Rows that go along */
  readonly rows: ReadonlyArray<{
    /** `kind`: Collection of the rows */
    readonly kind: string
    readonly count: number
    /** `names`: The first 20 names */
    readonly names: ReadonlyArray<string>
  }>
  /** `loses`: Actors that lose access to a resource at present */
  readonly loses: {
    readonly count: number
    /** `first`: The first 20, by name of the actor */
    readonly first: ReadonlyArray<{
      readonly actor: {
        readonly id: string
        readonly name: string
        readonly email: string | null
      }
      readonly resource: {
        readonly id: string
        readonly name: string
      }
      readonly why: string
    }>
    /** `is_whole`: Whether all were counted: false where there are too many pairs to judge */
    readonly is_whole: boolean
  }
  /** `refused_tokens`: API tokens that the actor made for others, which are refused without her */
  readonly refused_tokens: {
    readonly count: number
    /** `names`: The first 20 names */
    readonly names: ReadonlyArray<string>
  }
}

/** Schema `Gateway` of the API. */
export type Gateway = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly site_id: string
  readonly external_id: string
  readonly name: string
  readonly public_key: string
  readonly ipv4: string
  readonly ipv6: string
  readonly is_connected: boolean
  /** `is_ephemeral`: Whether it is removed by itself some minutes after it has gone */
  readonly is_ephemeral: boolean
  readonly last_seen_at: string | null
  readonly last_seen_version: string | null
  /** `paths`: Clients by the kind of their path to the gateway, as far as they or the gateway report it */
  readonly paths: {
    readonly direct: number
    readonly nat: number
    readonly relayed: number
    readonly websocket: number
    readonly none: number
  }
  /** `load`: Load of its machine; null while it is not connected, or has reported none */
  readonly load: {
    /** `processor_share`: Share of its processors in use, from 0 to 1 */
    readonly processor_share: number | null
    /** `bytes_per_second`: In both directions */
    readonly bytes_per_second: number | null
    readonly reported_at: string
  } | null
  /** `problems`: What keeps it from forwarding: no client is given this gateway as long */
  readonly problems: ReadonlyArray<{
    readonly code: string
    readonly said: string
  }>
}

/** Schema `Relay` of the API. */
export type Relay = {
  readonly id: string
  readonly name: string
  /** `provider`: Key of the plugin that provides it */
  readonly provider: string
  /** `account_id`: The account, where only its peers are offered the relay; null if all accounts’ are */
  readonly account_id: string | null
  readonly endpoints: ReadonlyArray<{
    /** `endpoint`: Address and UDP port */
    readonly endpoint: string
    /** `state`: Whether it answers the portal’s STUN requests; `asked`: not yet. `unreachable`: the portal’s machine has no way to this address. `not_probed`: the relay is in the portal’s process, or `relays.probe` is false */
    readonly state: 'asked' | 'answers' | 'silent' | 'unreachable' | 'not_probed'
    readonly is_offered: boolean
    /** `since`: Begin of the state; null if it is not probed */
    readonly since: string | null
  }>
  readonly websocket_url: string | null
  readonly place: {
    readonly latitude: number
    readonly longitude: number
  } | null
  /** `is_offered`: Whether peers are offered it */
  readonly is_offered: boolean
  /** `since`: Time since which it is offered, or is not */
  readonly since: string
  /** `problem`: Explanation of what keeps it, or an endpoint of it, from being offered */
  readonly problem: string | null
}

/** Schema `Resource` of the API. */
export type Resource = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly name: string
  readonly type: 'dns' | 'cidr' | 'ip' | 'internet'
  readonly address: string | null
  readonly address_description: string | null
  readonly site_id: string
  readonly filters: ReadonlyArray<{
    readonly protocol: 'tcp' | 'udp' | 'icmp'
    readonly ports: ReadonlyArray<string>
  }>
  readonly ip_stack: 'dual' | 'ipv4_only' | 'ipv6_only'
}

/** Schema `Actor` of the API. */
export type Actor = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  /** `type`: Role of a person: an owner may do everything; an admin all but making owners and changing identity providers; an auditor reads; the helpdesk has devices and sign-ins; a user has her own pages only */
  readonly type: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account'
  readonly name: string
  readonly email: string | null
  readonly is_disabled: boolean
}

/** Schema `Group` of the API. */
export type Group = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly name: string
}

/** Schema `Membership` of the API. */
export type Membership = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly group_id: string
  readonly actor_id: string
}

/** Schema `Policy` of the API. */
export type Policy = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly group_id: string
  readonly resource_id: string
  readonly description: string | null
  readonly conditions: ReadonlyArray<{
    readonly condition: string
    readonly settings: Readonly<Record<string, unknown>>
  }>
  readonly is_disabled: boolean
  /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
  readonly mode: 'enforced' | 'shadow'
}

/** Schema `Explanation` of the API. */
export type Explanation = {
  /** `is_allowed`: Whether the policies, the standing of person and device, and the resource’s filters all allow it */
  readonly is_allowed: boolean
  /** `denied`: not_found, forbidden, token_expired, filtered, or a code for what is wrong with the actor, device or token */
  readonly denied: string | null
  /** `policy_id`: The policy that grants */
  readonly policy_id: string | null
  readonly until: string | null
  /** `again`: Time from which it may be allowed, if known */
  readonly again: string | null
  readonly at: string
  readonly actor: {
    readonly id: string
    readonly name: string
  }
  readonly client: {
    readonly id: string
    readonly name: string
  } | null
  readonly resource: {
    readonly id: string
    readonly name: string
  }
  /** `other_resources`: Other resources that `resource` fits */
  readonly other_resources: ReadonlyArray<{
    readonly id: string
    readonly name: string
  }>
  readonly site: {
    readonly id: string
    readonly name: string
  } | null
  readonly groups: ReadonlyArray<{
    readonly id: string
    readonly name: string
  }>
  /** `facts`: Facts that conditions read, as far as known */
  readonly facts: ReadonlyArray<{
    readonly value: unknown
    /** `source`: `portal`, `client`, `gateway`, `question` (supposed), or the plugin that brings the fact, with its version */
    readonly source: string
    /** `is_proven`: False for the bare word of a client or gateway, and for what the question supposes */
    readonly is_proven: boolean
    /** `since`: Time since when the value is known without a break */
    readonly since: string
    /** `valid_until`: Time from which it is unknown unless its source confirms it */
    readonly valid_until: string | null
    readonly name: string
  }>
  /** `unknown_facts`: Names of the facts that conditions read and nobody knows */
  readonly unknown_facts: ReadonlyArray<string>
  /** `policies`: Every policy of the resource */
  readonly policies: ReadonlyArray<{
    readonly id: string
    readonly description: string | null
    readonly group_id: string
    readonly mode: 'enforced' | 'shadow'
    readonly outcome: 'conforms' | 'fails' | 'disabled' | 'not_a_member'
    readonly until: string | null
    readonly conditions: ReadonlyArray<{
      readonly condition: string
      /** `judged_by`: Plugin that judged, with its version */
      readonly judged_by: string | null
      readonly reads: ReadonlyArray<string>
      readonly facts: Readonly<Record<string, {
          readonly value: unknown
          /** `source`: `portal`, `client`, `gateway`, `question` (supposed), or the plugin that brings the fact, with its version */
          readonly source: string
          /** `is_proven`: False for the bare word of a client or gateway, and for what the question supposes */
          readonly is_proven: boolean
          /** `since`: Time since when the value is known without a break */
          readonly since: string
          /** `valid_until`: Time from which it is unknown unless its source confirms it */
          readonly valid_until: string | null
        }>>
      readonly holds: boolean
      readonly reason: string
      readonly until: string | null
      readonly again: string | null
    }>
  }>
  /** `ends_after_connection_seconds`: Time for which a grant outlives the device’s connection to the portal; null if it does not depend on the connection */
  readonly ends_after_connection_seconds: number | null
  /** `filter`: Verdict of the filters; null unless a port or a protocol was asked for */
  readonly filter: {
    readonly protocol: string
    readonly port: number | null
    readonly is_permitted: boolean
  } | null
  /** `gateway`: Gateway that would serve, and why */
  readonly gateway: {
    readonly id: string
    readonly name: string
    readonly reason: string
  } | null
  readonly gateways: ReadonlyArray<{
    readonly id: string
    readonly name: string
    readonly version: string | null
    /** `transport`: The tunnel transport that it carries packets by, while it is connected */
    readonly transport: string | null
    readonly is_connected: boolean
    readonly is_compatible: boolean
    readonly problems: ReadonlyArray<{
      readonly code: string
      readonly said: string
    }>
    /** `is_recovering`: Whether it could not forward until a moment ago, so that others are chosen before it */
    readonly is_recovering: boolean
    readonly connected_clients: number
    /** `path`: Path of the client’s packets to it, as the client reports it */
    readonly path: {
      readonly gateway_id: string
      /** `kind`: `direct`: to an address of the gateway’s own interface; `nat`: to one outside of a NAT; `relayed`: by a relay; `websocket`: by a relay, over a WebSocket; `none`: the gateway is not reached */
      readonly kind: 'direct' | 'nat' | 'relayed' | 'websocket' | 'none'
      /** `relay`: The relay that carries the packets; null without one */
      readonly relay: string | null
      /** `not_direct`: Why a relay carries the packets */
      readonly not_direct: {
        readonly code: 'udp_blocked' | 'private_addresses' | 'no_addresses' | 'own_unknown' | 'not_let_in'
        readonly said: string
      } | null
      readonly round_trip_ms: number | null
      /** `loss`: Checks of the path that were not answered, of the latest */
      readonly loss: {
        readonly lost: number
        readonly of: number
      } | null
      /** `reported_by`: Which end has reported this: the client, or, of one that reports nothing, the gateway */
      readonly reported_by: 'client' | 'gateway'
      readonly reported_at: string
    } | null
    /** `is_unreachable`: Whether the client said with its latest request that it does not reach it */
    readonly is_unreachable: boolean
    /** `relays`: Relays that it was offered */
    readonly relays: ReadonlyArray<{
      readonly id: string
      readonly name: string
    }>
    readonly last_seen_at: string | null
  }>
  /** `client_relays`: Relays that the client was offered; empty while it is not connected */
  readonly client_relays: ReadonlyArray<{
    readonly id: string
    readonly name: string
  }>
  /** `names`: Names of the resource for which a gateway lately found DNS problems at its site */
  readonly names: ReadonlyArray<{
    readonly name: string
    readonly gateway: {
      readonly id: string
      readonly name: string
    }
    readonly ipv4: 'found' | 'no_record' | 'no_such_name' | 'refused_address' | 'pending' | 'no_answer' | 'servfail' | 'refused' | 'bad_answer'
    readonly ipv6: 'found' | 'no_record' | 'no_such_name' | 'refused_address' | 'pending' | 'no_answer' | 'servfail' | 'refused' | 'bad_answer'
    readonly at: string
    readonly why: string
  }>
  /** `text`: The whole explanation in sentences */
  readonly text: ReadonlyArray<string>
}

/** Schema `Simulation` of the API. */
export type Simulation = {
  readonly data: ReadonlyArray<{
    /** `effect`: gains, loses: access. appears, disappears: the resource exists under conditions that do not hold at that time. changes: access stays, but the resource’s site, address or filters differ */
    readonly effect: 'gains' | 'loses' | 'appears' | 'disappears' | 'changes'
    readonly actor: {
      readonly id: string
      readonly name: string
      readonly email: string | null
    }
    readonly resource: {
      readonly id: string
      readonly name: string
    }
    readonly before: 'none' | 'denied' | 'allowed'
    readonly after: 'none' | 'denied' | 'allowed'
    /** `why`: Reason of the state after the changes */
    readonly why: string
  }>
  /** `kept`: Number of pairs examined for this page that keep their access */
  readonly kept: number
  /** `examined`: Number of pairs of actor and resource examined for this page */
  readonly examined: number
  /** `concerned`: Number of pairs that the changes may concern */
  readonly concerned: number
  readonly next_cursor: string | null
}

/** Schema `IdentityProvider` of the API. */
export type IdentityProvider = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly name: string
  readonly type: string
  /** `settings`: The plugin's settings; secrets can be written and are never shown */
  readonly settings: Readonly<Record<string, unknown>>
  readonly is_default: boolean
  readonly is_disabled: boolean
  readonly client_token_lifetime_seconds: number
  readonly session_lifetime_seconds: number
  readonly email_domains: ReadonlyArray<string>
  /** `callback_url`: Address to register at the provider, which sends browsers back there */
  readonly callback_url: string
}

/** Schema `Identity` of the API. */
export type Identity = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly actor_id: string
  readonly identity_provider_id: string
  readonly issuer: string
  readonly subject: string
}

/** Schema `Client` of the API. */
export type Client = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly actor_id: string
  readonly external_id: string
  readonly name: string
  readonly public_key: string
  readonly ipv4: string
  readonly ipv6: string
  readonly is_connected: boolean
  /** `device_key`: Fingerprint of the device key, as shown by `portreeve client status` on the device; null if it never proved one */
  readonly device_key: string | null
  /** `is_proven`: Whether the device proved its key at the last connect */
  readonly is_proven: boolean
  /** `proven_at`: Time of the last proof of the key */
  readonly proven_at: string | null
  /** `is_verified`: Whether the device of the last connect counts as verified in conditions */
  readonly is_verified: boolean
  /** `verified_at`: Time at which an admin verified the device with this key */
  readonly verified_at: string | null
  /** `accepts_unproven`: Whether the admin verified every device with this external_id, without a key */
  readonly accepts_unproven: boolean
  readonly last_seen_at: string | null
  readonly last_seen_version: string | null
  /** `paths`: Paths to the gateways that serve it, as it last reported them; empty while it is not connected */
  readonly paths: ReadonlyArray<{
    readonly gateway_id: string
    /** `kind`: `direct`: to an address of the gateway’s own interface; `nat`: to one outside of a NAT; `relayed`: by a relay; `websocket`: by a relay, over a WebSocket; `none`: the gateway is not reached */
    readonly kind: 'direct' | 'nat' | 'relayed' | 'websocket' | 'none'
    /** `relay`: The relay that carries the packets; null without one */
    readonly relay: string | null
    /** `not_direct`: Why a relay carries the packets */
    readonly not_direct: {
      readonly code: 'udp_blocked' | 'private_addresses' | 'no_addresses' | 'own_unknown' | 'not_let_in'
      readonly said: string
    } | null
    readonly round_trip_ms: number | null
    /** `loss`: Checks of the path that were not answered, of the latest */
    readonly loss: {
      readonly lost: number
      readonly of: number
    } | null
    /** `reported_by`: Which end has reported this: the client, or, of one that reports nothing, the gateway */
    readonly reported_by: 'client' | 'gateway'
    readonly reported_at: string
  }>
}

/** Schema `Session` of the API. */
export type Session = {
  readonly id: string
  /** `browser`: Name of the browser, as it says itself */
  readonly browser: string
  /** `identity_provider_id`: Provider of the sign-in; null for an emergency code */
  readonly identity_provider_id: string | null
  readonly begun_at: string
  readonly expires_at: string
}

/** Schema `Token` of the API. */
export type Token = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly kind: 'client' | 'gateway' | 'relay' | 'api'
  readonly name: string
  readonly actor_id: string | null
  readonly site_id: string | null
  /** `gateway_id`: The only gateway that may use it; null if every gateway of the site may */
  readonly gateway_id: string | null
  readonly identity_provider_id: string | null
  /** `sign_in`: Statements of the identity provider at the sign-in that made the token, which conditions may read; each null if it said nothing */
  readonly sign_in: {
    readonly authenticated_at: string | null
    readonly methods: ReadonlyArray<string> | null
    readonly groups: ReadonlyArray<string> | null
    readonly claims: Readonly<Record<string, unknown>> | null
  } | null
  /** `scopes`: What an API token may do, within what its actor and its maker may; null for the other kinds */
  readonly scopes: ReadonlyArray<string> | null
  /** `maker_id`: Person who made it; null if the portal did, or an earlier version that did not note it */
  readonly maker_id: string | null
  /** `is_emergency`: Whether it was made in a session by an emergency code, or by a token of such a session */
  readonly is_emergency: boolean
  readonly expires_at: string | null
  readonly last_used_at: string | null
}

/** Schema `Authorization` of the API. */
export type Authorization = {
  readonly id: string
  readonly created_at: string
  /** `updated_at`: Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count */
  readonly updated_at: string
  readonly policy_id: string
  readonly client_id: string
  readonly gateway_id: string
  readonly resource_id: string
  readonly token_id: string
  readonly membership_id: string
  readonly expires_at: string | null
  /** `conditions`: Verdict of each condition of the policy, with the version of its plugin */
  readonly conditions: ReadonlyArray<{
    readonly condition: string
    /** `judged_by`: Plugin that judged, with its version */
    readonly judged_by: string | null
    readonly reads: ReadonlyArray<string>
    readonly facts: Readonly<Record<string, {
        readonly value: unknown
        /** `source`: `portal`, `client`, `gateway`, `question` (supposed), or the plugin that brings the fact, with its version */
        readonly source: string
        /** `is_proven`: False for the bare word of a client or gateway, and for what the question supposes */
        readonly is_proven: boolean
        /** `since`: Time since when the value is known without a break */
        readonly since: string
        /** `valid_until`: Time from which it is unknown unless its source confirms it */
        readonly valid_until: string | null
      }>>
    readonly holds: boolean
    readonly reason: string
    readonly until: string | null
    readonly again: string | null
  }>
  /** `facts`: Facts that the conditions read, and the address of the client */
  readonly facts: Readonly<Record<string, {
      readonly value: unknown
      /** `source`: `portal`, `client`, `gateway`, `question` (supposed), or the plugin that brings the fact, with its version */
      readonly source: string
      /** `is_proven`: False for the bare word of a client or gateway, and for what the question supposes */
      readonly is_proven: boolean
      /** `since`: Time since when the value is known without a break */
      readonly since: string
      /** `valid_until`: Time from which it is unknown unless its source confirms it */
      readonly valid_until: string | null
    }>>
  /** `gateway_reason`: Reason for this gateway; completes “chosen because it is” */
  readonly gateway_reason: string
}

/** Schema `AuditRecord` of the API. */
export type AuditRecord = {
  readonly id: string
  readonly created_at: string
  readonly kind: 'change' | 'decision' | 'sign_in' | 'api_call'
  /** `action`: created, updated, removed; granted, denied; signed_in, refused, signed_out, emergency_code_made; refused */
  readonly action: string
  readonly entity: string
  readonly entity_id: string | null
  /** `by`: Actor, peer or part of the portal that caused it, with its token and IP address */
  readonly by: Readonly<Record<string, unknown>>
  /** `details`: Changed columns, with secrets as [secret] or [secret, changed]; else the reasons of a decision, or the refused call or sign-in */
  readonly details: unknown
}

/** Schema `Plugin` of the API. */
export type Plugin = {
  readonly name: string
  readonly version: string
  /** `package`: Name in the portal’s configuration: builtin:NAME, or an npm package */
  readonly package: string
  readonly description: string | null
  /** `isolation`: Whether the plugin runs in a thread of its own */
  readonly isolation: 'none' | 'worker'
  readonly provides: ReadonlyArray<{
    /** `point`: Extension point: policy-conditions … */
    readonly point: string
    /** `key`: Name under which rows choose it: the type of an identity provider, a condition … */
    readonly key: string
    /** `settings`: JSON Schema (2020-12) of its settings; secrets, which are never shown, have writeOnly. Null where it has none */
    readonly settings: Readonly<Record<string, unknown>> | null
    readonly reads: ReadonlyArray<{
      readonly name: string
      readonly about: 'request' | 'candidate'
      /** `said_by`: Part of the system that says it; what a client or a gateway says is not proven */
      readonly said_by: 'portal' | 'client' | 'gateway'
      /** `is_optional`: Whether the plugin is asked also while the fact is unknown */
      readonly is_optional: boolean
    }>
    /** `brings`: Fact that a fact source brings */
    readonly brings: {
      readonly name: string
      /** `said_by`: Part of the system that says it; what a client or a gateway says is not proven */
      readonly said_by: 'portal' | 'client' | 'gateway'
      /** `by`: Fact by whose value it is looked up; null for one of a client’s own machine */
      readonly by: string | null
      readonly every_ms: number
      /** `good_for_ms`: Time for which it is believed when no other value comes */
      readonly good_for_ms: number
      /** `value`: JSON Schema of the value */
      readonly value: Readonly<Record<string, unknown>>
    } | null
  }>
}

/** Schema `AccessFileOutcome` of the API. */
export type AccessFileOutcome = {
  readonly is_dry_run: boolean
  readonly changes: ReadonlyArray<{
    readonly action: 'created' | 'updated' | 'removed'
    /** `kind`: Collection of the row */
    readonly kind: string
    readonly name: string
    /** `before`: Members that change, as they were; null for a creation */
    readonly before: Readonly<Record<string, unknown>> | null
    /** `after`: The same afterwards, secrets as `[secret]`; null for a removal */
    readonly after: Readonly<Record<string, unknown>> | null
  }>
  /** `access`: Who gains or loses access, as of now; null unless it is a dry run */
  readonly access: {
    /** `pairs`: The first 1,000, by actor and resource */
    readonly pairs: ReadonlyArray<{
      readonly effect: 'gains' | 'loses' | 'appears' | 'disappears' | 'changes'
      /** `actor`: E-mail address or name */
      readonly actor: string
      readonly resource: string
      readonly why: string
    }>
    readonly count: number
    /** `kept`: Number of pairs concerned that keep their access */
    readonly kept: number
    /** `is_whole`: Whether all were judged: false where there are too many pairs */
    readonly is_whole: boolean
  } | null
  readonly tests: ReadonlyArray<{
    readonly expect: string
    readonly holds: boolean
    readonly why: string
  }>
}

/** Schema `Problem` of the API. */
export type Problem = {
  readonly type: string
  /** `title`: The status in words */
  readonly title: string
  readonly status: number
  /** `code`: Stable code, for programs */
  readonly code: string
  /** `detail`: What is wrong and what to do, for people */
  readonly detail: string
  /** `errors`: Problems by field */
  readonly errors?: ReadonlyArray<{
    readonly path: string
    readonly message: string
  }> | undefined
  /** `request_id`: Id of the request, as in `X-Request-Id` and in the portal’s log */
  readonly request_id: string
  /** `removal`: Of 409 in_use: what would go along */
  readonly removal?: Removal | undefined
  /** `conflicting_id`: Id of the row that already has a unique value */
  readonly conflicting_id?: string | undefined
}

/** Operations of the API by method and path, with what each takes and answers. */
export interface Operations {
  /** Shows the account */
  'GET /account': {
    answer: Account
  }
  /** Changes the name, the upstream resolvers, the search domain or the address ranges */
  'PATCH /account': {
    body: {
      readonly name?: string | undefined
      /** `upstream_resolvers`: Resolvers for names that are not resources, asked in this order; for names that none of them is for, each client asks its own. Secrets in settings have to be sent again with each change. Released clients know udp and https for all names only, and ask these in this order. */
      readonly upstream_resolvers?: ReadonlyArray<{
        /** `type`: The key of a resolver plugin */
        readonly type: string
        /** `settings`: Settings by the plugin's schema */
        readonly settings?: Readonly<Record<string, unknown>> | undefined
        /** `match`: Domains that the resolver is asked for, with all names below them (split DNS); of several resolvers the one with the longest domain. Without it, the resolver is asked for all names. */
        readonly match?: ReadonlyArray<string> | undefined
      }> | undefined
      readonly search_domain?: string | null | undefined
      readonly address_ranges?: {
        /** `devices_ipv4`: IPv4 addresses of clients and gateways: a prefix of 11 to 22 bits */
        readonly devices_ipv4?: string | undefined
        /** `devices_ipv6`: IPv6 addresses of clients and gateways: a /64 */
        readonly devices_ipv6?: string | undefined
        /** `mapped_ipv4`: IPv4 addresses that clients map to names of resources, and at which their resolver listens: a prefix of 11 to 18 bits */
        readonly mapped_ipv4?: string | undefined
        /** `mapped_ipv6`: The same of IPv6: a /64 */
        readonly mapped_ipv6?: string | undefined
      } | null | undefined
    }
    answer: Account
  }
  /** Shows whose token this is, and what it may do */
  'GET /me': {
    answer: Me
  }
  /** Lists the sites */
  'GET /sites': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'selector' | '-selector' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `name`: Exactly this text */
      readonly name?: string | undefined
      /** `selector`: One of these, separated by commas */
      readonly selector?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Site>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a site */
  'POST /sites': {
    body: {
      readonly name: string
      /** `selector`: The key of a gateway selector plugin */
      readonly selector?: string | undefined
      readonly selector_settings?: Readonly<Record<string, unknown>> | undefined
    }
    answer: Site
  }
  /** Shows a site */
  'GET /sites/{id}': {
    path: {
      readonly id: string
    }
    answer: Site
  }
  /** Changes a site */
  'PATCH /sites/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      readonly selector?: string | undefined
      readonly selector_settings?: Readonly<Record<string, unknown>> | undefined
    }
    answer: Site
  }
  /** Removes a site with its gateways, gateway tokens and resources */
  'DELETE /sites/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the gateways */
  'GET /gateways': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'last_seen_at' | '-last_seen_at' | 'last_seen_version' | '-last_seen_version' | 'is_ephemeral' | '-is_ephemeral' | 'site_name' | '-site_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `external_id`: Exactly this text */
      readonly external_id?: string | undefined
      /** `last_seen_version`: Exactly this text */
      readonly last_seen_version?: string | undefined
      readonly is_ephemeral?: boolean | undefined
      /** `last_seen_at_from`: At this time or later */
      readonly last_seen_at_from?: string | undefined
      /** `last_seen_at_before`: Before this time */
      readonly last_seen_at_before?: string | undefined
      /** `last_seen_at_is_null`: Whether there is no value */
      readonly last_seen_at_is_null?: boolean | undefined
      readonly is_connected?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Gateway>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Shows a gateway */
  'GET /gateways/{id}': {
    path: {
      readonly id: string
    }
    answer: Gateway
  }
  /** Renames a gateway */
  'PATCH /gateways/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
    }
    answer: Gateway
  }
  /** Removes a gateway; it comes back with its token */
  'DELETE /gateways/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the relays, and whether they answer */
  'GET /relays': {
    answer: {
      readonly data: ReadonlyArray<Relay>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Lists the resources */
  'GET /resources': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'type' | '-type' | 'address' | '-address' | 'address_description' | '-address_description' | 'site_name' | '-site_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `type`: One of these, separated by commas */
      readonly type?: ReadonlyArray<'dns' | 'cidr' | 'ip' | 'internet'> | undefined
      /** `address`: Exactly this text */
      readonly address?: string | undefined
      /** `group_id`: With a policy for a group: one of these ids, separated by commas */
      readonly group_id?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Resource>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a resource */
  'POST /resources': {
    body: {
      readonly name: string
      readonly type: 'dns' | 'cidr' | 'ip' | 'internet'
      /** `address`: By type: a name, *.name or **.name; a CIDR; one IP address; null for the Internet, of which an account has at most one */
      readonly address?: string | null | undefined
      readonly address_description?: string | null | undefined
      readonly site_id: string
      /** `filters`: If empty, all traffic may pass; else only the listed protocols and ports. */
      readonly filters?: ReadonlyArray<{
        readonly protocol: 'tcp' | 'udp' | 'icmp'
        /** `ports`: All ports if empty */
        readonly ports?: ReadonlyArray<string> | undefined
      }> | undefined
      /** `ip_stack`: For names: address families in DNS answers. If a name belongs to several resources, the most specific one decides */
      readonly ip_stack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
    }
    answer: Resource
  }
  /** Shows a resource */
  'GET /resources/{id}': {
    path: {
      readonly id: string
    }
    answer: Resource
  }
  /** Changes a resource */
  'PATCH /resources/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      readonly type?: 'dns' | 'cidr' | 'ip' | 'internet' | undefined
      readonly address?: string | null | undefined
      readonly address_description?: string | null | undefined
      readonly site_id?: string | undefined
      /** `filters`: If empty, all traffic may pass; else only the listed protocols and ports. */
      readonly filters?: ReadonlyArray<{
        readonly protocol: 'tcp' | 'udp' | 'icmp'
        /** `ports`: All ports if empty */
        readonly ports?: ReadonlyArray<string> | undefined
      }> | undefined
      readonly ip_stack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
    }
    answer: Resource
  }
  /** Removes a resource with its policies and authorizations */
  'DELETE /resources/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the actors */
  'GET /actors': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'email' | '-email' | 'type' | '-type' | 'is_disabled' | '-is_disabled' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `type`: One of these, separated by commas */
      readonly type?: ReadonlyArray<'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account'> | undefined
      /** `email`: Exactly this text */
      readonly email?: string | undefined
      /** `email_is_null`: Whether there is no value */
      readonly email_is_null?: boolean | undefined
      readonly is_disabled?: boolean | undefined
      /** `group_id`: Member of a group: one of these ids, separated by commas */
      readonly group_id?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Actor>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates an actor */
  'POST /actors': {
    body: {
      /** `type`: Role of a person: an owner may do everything; an admin all but making owners and changing identity providers; an auditor reads; the helpdesk has devices and sign-ins; a user has her own pages only */
      readonly type?: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account' | undefined
      readonly name: string
      readonly email?: string | null | undefined
      readonly is_disabled?: boolean | undefined
    }
    answer: Actor
  }
  /** Shows an actor */
  'GET /actors/{id}': {
    path: {
      readonly id: string
    }
    answer: Actor
  }
  /** Changes, disables or enables an actor */
  'PATCH /actors/{id}': {
    path: {
      readonly id: string
    }
    body: {
      /** `type`: Role of a person: an owner may do everything; an admin all but making owners and changing identity providers; an auditor reads; the helpdesk has devices and sign-ins; a user has her own pages only */
      readonly type?: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account' | undefined
      readonly name?: string | undefined
      readonly email?: string | null | undefined
      readonly is_disabled?: boolean | undefined
    }
    answer: Actor
  }
  /** Removes an actor with its memberships, identities, clients and tokens */
  'DELETE /actors/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the groups */
  'GET /groups': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `name`: Exactly this text */
      readonly name?: string | undefined
      /** `actor_id`: With a member: one of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Group>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a group */
  'POST /groups': {
    body: {
      readonly name: string
    }
    answer: Group
  }
  /** Shows a group */
  'GET /groups/{id}': {
    path: {
      readonly id: string
    }
    answer: Group
  }
  /** Renames a group */
  'PATCH /groups/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
    }
    answer: Group
  }
  /** Removes a group with its policies */
  'DELETE /groups/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists a group's memberships */
  'GET /groups/{id}/memberships': {
    path: {
      readonly id: string
    }
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Membership>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Makes exactly these actors the members */
  'PUT /groups/{id}/memberships': {
    path: {
      readonly id: string
    }
    body: {
      readonly actor_ids: ReadonlyArray<string>
    }
    answer: {
      readonly data: ReadonlyArray<Membership>
      readonly next_cursor: null
    }
  }
  /** Adds and removes members */
  'PATCH /groups/{id}/memberships': {
    path: {
      readonly id: string
    }
    body: {
      readonly add?: ReadonlyArray<string> | undefined
      readonly remove?: ReadonlyArray<string> | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Membership>
      readonly next_cursor: null
    }
  }
  /** Lists the policies */
  'GET /policies': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'description' | '-description' | 'mode' | '-mode' | 'is_disabled' | '-is_disabled' | 'group_name' | '-group_name' | 'resource_name' | '-resource_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `group_id`: One of these ids, separated by commas */
      readonly group_id?: ReadonlyArray<string> | undefined
      /** `resource_id`: One of these ids, separated by commas */
      readonly resource_id?: ReadonlyArray<string> | undefined
      /** `mode`: One of these, separated by commas */
      readonly mode?: ReadonlyArray<'enforced' | 'shadow'> | undefined
      readonly is_disabled?: boolean | undefined
      /** `condition`: It has a condition of one of these plugins: keys, separated by commas */
      readonly condition?: ReadonlyArray<string> | undefined
      /** `site_id`: For a resource of a site: one of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `actor_id`: For a group with this member: one of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Policy>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a policy */
  'POST /policies': {
    body: {
      readonly group_id: string
      readonly resource_id: string
      readonly description?: string | null | undefined
      /** `conditions`: All of them must hold */
      readonly conditions?: ReadonlyArray<{
        /** `condition`: The key of a policy condition plugin */
        readonly condition: string
        readonly settings?: Readonly<Record<string, unknown>> | undefined
      }> | undefined
      readonly is_disabled?: boolean | undefined
      /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
      readonly mode?: 'enforced' | 'shadow' | undefined
    }
    answer: Policy
  }
  /** Shows a policy */
  'GET /policies/{id}': {
    path: {
      readonly id: string
    }
    answer: Policy
  }
  /** Changes, disables or enables a policy */
  'PATCH /policies/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly group_id?: string | undefined
      readonly resource_id?: string | undefined
      readonly description?: string | null | undefined
      /** `conditions`: All of them must hold */
      readonly conditions?: ReadonlyArray<{
        /** `condition`: The key of a policy condition plugin */
        readonly condition: string
        readonly settings?: Readonly<Record<string, unknown>> | undefined
      }> | undefined
      readonly is_disabled?: boolean | undefined
      /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
      readonly mode?: 'enforced' | 'shadow' | undefined
    }
    answer: Policy
  }
  /** Removes a policy, and withdraws what it granted */
  'DELETE /policies/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Explains why an actor may use a resource, or may not */
  'POST /policies/explain': {
    body: {
      /** `actor`: Id or e-mail address; or the name of a service account */
      readonly actor: string
      /** `resource`: Id, name, or an address that belongs to the resource */
      readonly resource: string
      /** `protocol`: Protocol to check against the filters; tcp if only a port is given */
      readonly protocol?: 'tcp' | 'udp' | 'icmp' | undefined
      readonly port?: number | undefined
      /** `at`: Time of the request; the present if left out */
      readonly at?: string | undefined
      /** `client_id`: Device of the actor; its known facts are used where none are given */
      readonly client_id?: string | undefined
      /** `remote_ip`: IP address that the request comes from */
      readonly remote_ip?: string | undefined
      /** `identity_provider_id`: Identity provider through which the token in use was obtained */
      readonly identity_provider_id?: string | undefined
      /** `client_verified`: Whether the device is verified */
      readonly client_verified?: boolean | undefined
    }
    answer: Explanation
  }
  /** Says who would gain or lose access by changes, without making them */
  'POST /policies/simulate': {
    body: {
      /** `changes`: Changes to suppose, applied in this order */
      readonly changes: ReadonlyArray<{
        readonly change: 'create_policy'
        readonly policy: {
          readonly group_id: string
          readonly resource_id: string
          readonly description?: string | null | undefined
          /** `conditions`: All of them must hold */
          readonly conditions?: ReadonlyArray<{
            /** `condition`: The key of a policy condition plugin */
            readonly condition: string
            readonly settings?: Readonly<Record<string, unknown>> | undefined
          }> | undefined
          readonly is_disabled?: boolean | undefined
          /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
          readonly mode?: 'enforced' | 'shadow' | undefined
        }
      } | {
        readonly change: 'update_policy'
        readonly id: string
        readonly policy: {
          readonly group_id?: string | undefined
          readonly resource_id?: string | undefined
          readonly description?: string | null | undefined
          /** `conditions`: All of them must hold */
          readonly conditions?: ReadonlyArray<{
            /** `condition`: The key of a policy condition plugin */
            readonly condition: string
            readonly settings?: Readonly<Record<string, unknown>> | undefined
          }> | undefined
          readonly is_disabled?: boolean | undefined
          /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
          readonly mode?: 'enforced' | 'shadow' | undefined
        }
      } | {
        readonly change: 'remove_policy'
        readonly id: string
      } | {
        readonly change: 'add_membership'
        readonly group_id: string
        readonly actor_id: string
      } | {
        readonly change: 'remove_membership'
        readonly group_id: string
        readonly actor_id: string
      } | {
        readonly change: 'update_resource'
        readonly id: string
        readonly resource: {
          readonly name?: string | undefined
          readonly type?: 'dns' | 'cidr' | 'ip' | 'internet' | undefined
          readonly address?: string | null | undefined
          readonly address_description?: string | null | undefined
          readonly site_id?: string | undefined
          /** `filters`: If empty, all traffic may pass; else only the listed protocols and ports. */
          readonly filters?: ReadonlyArray<{
            readonly protocol: 'tcp' | 'udp' | 'icmp'
            /** `ports`: All ports if empty */
            readonly ports?: ReadonlyArray<string> | undefined
          }> | undefined
          readonly ip_stack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
        }
      } | {
        readonly change: 'remove_resource'
        readonly id: string
      } | {
        readonly change: 'disable_actor'
        readonly id: string
      }>
      /** `at`: Time at which to judge; the present if left out */
      readonly at?: string | undefined
      /** `remote_ip`: IP address that the request comes from */
      readonly remote_ip?: string | undefined
      /** `identity_provider_id`: Identity provider through which the token in use was obtained */
      readonly identity_provider_id?: string | undefined
      /** `client_verified`: Whether the device is verified */
      readonly client_verified?: boolean | undefined
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` of the previous page */
      readonly cursor?: string | undefined
    }
    answer: Simulation
  }
  /** Lists the identity providers */
  'GET /identity_providers': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'type' | '-type' | 'is_disabled' | '-is_disabled' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `type`: One of these, separated by commas */
      readonly type?: ReadonlyArray<string> | undefined
      readonly is_disabled?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<IdentityProvider>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates an identity provider */
  'POST /identity_providers': {
    body: {
      readonly name: string
      /** `type`: The key of an identity provider plugin */
      readonly type: string
      readonly settings?: Readonly<Record<string, unknown>> | undefined
      /** `is_default`: Whether sign-ins go to this provider at once, without a choice; true for at most one provider */
      readonly is_default?: boolean | undefined
      readonly is_disabled?: boolean | undefined
      readonly client_token_lifetime_seconds?: number | undefined
      readonly session_lifetime_seconds?: number | undefined
      /** `email_domains`: E-mail domains whose verified addresses let a person sign in for the first time through this provider; * allows every domain. If left out: * for the first provider of an account, none for others */
      readonly email_domains?: ReadonlyArray<string> | undefined
    }
    answer: IdentityProvider
  }
  /** Shows an identity provider */
  'GET /identity_providers/{id}': {
    path: {
      readonly id: string
    }
    answer: IdentityProvider
  }
  /** Changes an identity provider; secrets that are left out stay, unless a web address changes. Another issuer or client id signs everybody out and removes the identities */
  'PATCH /identity_providers/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      readonly settings?: Readonly<Record<string, unknown>> | undefined
      readonly is_default?: boolean | undefined
      readonly is_disabled?: boolean | undefined
      readonly client_token_lifetime_seconds?: number | undefined
      readonly session_lifetime_seconds?: number | undefined
      /** `email_domains`: E-mail domains whose verified addresses let a person sign in for the first time through this provider; * allows every domain. If left out: * for the first provider of an account, none for others */
      readonly email_domains?: ReadonlyArray<string> | undefined
    }
    answer: IdentityProvider
  }
  /** Removes an identity provider with the identities and tokens from its sign-ins */
  'DELETE /identity_providers/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the identities */
  'GET /identities': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'subject' | '-subject' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      /** `issuer`: Exactly this text */
      readonly issuer?: string | undefined
      /** `subject`: Exactly this text */
      readonly subject?: string | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Identity>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates an identity, before its owner has signed in */
  'POST /identities': {
    body: {
      readonly actor_id: string
      readonly identity_provider_id: string
      /** `issuer`: Issuer as the provider writes it: the `iss` of its ID tokens */
      readonly issuer: string
      /** `subject`: Person’s id at the provider: the `sub` of its ID tokens */
      readonly subject: string
    }
    answer: Identity
  }
  /** Shows an identity */
  'GET /identities/{id}': {
    path: {
      readonly id: string
    }
    answer: Identity
  }
  /** Gives an identity to another actor, and ends what was signed in by it */
  'PATCH /identities/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly actor_id?: string | undefined
    }
    answer: Identity
  }
  /** Removes an identity, and ends what was signed in by it; the next sign-in goes by the verified e-mail address again */
  'DELETE /identities/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the clients */
  'GET /clients': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'last_seen_at' | '-last_seen_at' | 'last_seen_version' | '-last_seen_version' | 'verified_at' | '-verified_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `group_id`: Of a member of a group: one of these ids, separated by commas */
      readonly group_id?: ReadonlyArray<string> | undefined
      /** `external_id`: Exactly this text */
      readonly external_id?: string | undefined
      /** `last_seen_version`: Exactly this text */
      readonly last_seen_version?: string | undefined
      readonly is_proven?: boolean | undefined
      /** `verified_at_is_null`: Whether there is no value */
      readonly verified_at_is_null?: boolean | undefined
      /** `last_seen_at_from`: At this time or later */
      readonly last_seen_at_from?: string | undefined
      /** `last_seen_at_before`: Before this time */
      readonly last_seen_at_before?: string | undefined
      /** `last_seen_at_is_null`: Whether there is no value */
      readonly last_seen_at_is_null?: boolean | undefined
      readonly is_connected?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Client>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Shows a client */
  'GET /clients/{id}': {
    path: {
      readonly id: string
    }
    answer: Client
  }
  /** Renames or verifies a client */
  'PATCH /clients/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      /** `is_verified`: Verifies the device, or takes that back */
      readonly is_verified?: boolean | undefined
      /** `accept_unproven`: Only with `is_verified`, for a device that has proven no key: verifies every device that has its external_id and a token */
      readonly accept_unproven?: boolean | undefined
    }
    answer: Client
  }
  /** Removes a client; it comes back with its token */
  'DELETE /clients/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the browsers in which a person is signed in at the portal, the latest to end first, 100 at most */
  'GET /actors/{id}/sessions': {
    path: {
      readonly id: string
    }
    answer: {
      readonly data: ReadonlyArray<Session>
    }
  }
  /** Signs a person out of all browsers and clients; she may sign in again */
  'DELETE /actors/{id}/sessions': {
    path: {
      readonly id: string
    }
    answer: undefined
  }
  /** Signs a person out of a browser; she may sign in again */
  'DELETE /actors/{id}/sessions/{session_id}': {
    path: {
      readonly id: string
      readonly session_id: string
    }
    answer: undefined
  }
  /** Creates a token for the gateways of a site */
  'POST /sites/{id}/gateway_tokens': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      /** `expires_at`: Null if it is valid until revoked; a token of a person that a token of an emergency makes ends with that */
      readonly expires_at?: string | null | undefined
    }
    answer: {
      readonly id: string
      readonly token: string
      /** `expires_at`: Null if it is valid until revoked */
      readonly expires_at: string | null
    }
  }
  /** Lists a site's gateway tokens */
  'GET /sites/{id}/gateway_tokens': {
    path: {
      readonly id: string
    }
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'kind' | '-kind' | 'expires_at' | '-expires_at' | 'last_used_at' | '-last_used_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `kind`: One of these, separated by commas */
      readonly kind?: ReadonlyArray<'client' | 'gateway' | 'relay' | 'api'> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      readonly is_emergency?: boolean | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `last_used_at_from`: At this time or later */
      readonly last_used_at_from?: string | undefined
      /** `last_used_at_before`: Before this time */
      readonly last_used_at_before?: string | undefined
      /** `last_used_at_is_null`: Whether there is no value */
      readonly last_used_at_is_null?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Token>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a token that this gateway alone may use */
  'POST /gateways/{id}/tokens': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      /** `expires_at`: Null if it is valid until revoked; a token of a person that a token of an emergency makes ends with that */
      readonly expires_at?: string | null | undefined
    }
    answer: {
      readonly id: string
      readonly token: string
      /** `expires_at`: Null if it is valid until revoked */
      readonly expires_at: string | null
    }
  }
  /** Lists a gateway's own tokens */
  'GET /gateways/{id}/tokens': {
    path: {
      readonly id: string
    }
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'kind' | '-kind' | 'expires_at' | '-expires_at' | 'last_used_at' | '-last_used_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `kind`: One of these, separated by commas */
      readonly kind?: ReadonlyArray<'client' | 'gateway' | 'relay' | 'api'> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      readonly is_emergency?: boolean | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `last_used_at_from`: At this time or later */
      readonly last_used_at_from?: string | undefined
      /** `last_used_at_before`: Before this time */
      readonly last_used_at_before?: string | undefined
      /** `last_used_at_is_null`: Whether there is no value */
      readonly last_used_at_is_null?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Token>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a new token for this gateway alone, and ends its previous ones after an overlap */
  'POST /gateways/{id}/rotate_token': {
    path: {
      readonly id: string
    }
    body: {
      /** `overlap_seconds`: Time for which the previous tokens stay valid */
      readonly overlap_seconds?: number | undefined
    }
    answer: {
      readonly id: string
      readonly token: string
      /** `expires_at`: Null if it is valid until revoked */
      readonly expires_at: string | null
      readonly previous_end_at: string
    }
  }
  /** Creates a token for relays, which peers of this account are offered */
  'POST /relay_tokens': {
    body: {
      readonly name?: string | undefined
      /** `expires_at`: Null if it is valid until revoked; a token of a person that a token of an emergency makes ends with that */
      readonly expires_at?: string | null | undefined
    }
    answer: {
      readonly id: string
      readonly token: string
      /** `expires_at`: Null if it is valid until revoked */
      readonly expires_at: string | null
    }
  }
  /** Lists the relay tokens */
  'GET /relay_tokens': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'kind' | '-kind' | 'expires_at' | '-expires_at' | 'last_used_at' | '-last_used_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `kind`: One of these, separated by commas */
      readonly kind?: ReadonlyArray<'client' | 'gateway' | 'relay' | 'api'> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      readonly is_emergency?: boolean | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `last_used_at_from`: At this time or later */
      readonly last_used_at_from?: string | undefined
      /** `last_used_at_before`: Before this time */
      readonly last_used_at_before?: string | undefined
      /** `last_used_at_is_null`: Whether there is no value */
      readonly last_used_at_is_null?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Token>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates a token for a client of an actor */
  'POST /actors/{id}/client_tokens': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      /** `expires_at`: Null if it is valid until revoked; a token of a person that a token of an emergency makes ends with that */
      readonly expires_at?: string | null | undefined
    }
    answer: {
      readonly id: string
      readonly token: string
      /** `expires_at`: Null if it is valid until revoked */
      readonly expires_at: string | null
    }
  }
  /** Lists an actor's client tokens */
  'GET /actors/{id}/client_tokens': {
    path: {
      readonly id: string
    }
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'kind' | '-kind' | 'expires_at' | '-expires_at' | 'last_used_at' | '-last_used_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `kind`: One of these, separated by commas */
      readonly kind?: ReadonlyArray<'client' | 'gateway' | 'relay' | 'api'> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      readonly is_emergency?: boolean | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `last_used_at_from`: At this time or later */
      readonly last_used_at_from?: string | undefined
      /** `last_used_at_before`: Before this time */
      readonly last_used_at_before?: string | undefined
      /** `last_used_at_is_null`: Whether there is no value */
      readonly last_used_at_is_null?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Token>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Revokes a client token, so that whoever uses it has to sign in again */
  'DELETE /client_tokens/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Creates an API token of a person with a role or a service account */
  'POST /actors/{id}/api_tokens': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
      /** `expires_at`: In 90 days if absent; null if it is valid until revoked; made by a token of an emergency, it ends with that */
      readonly expires_at?: string | null | undefined
      /** `scopes`: What the token may do: `write` everything that its actor may, `read` reading only, `helpdesk` what the helpdesk may, or single permissions, such as `policies:write`, which includes `policies:read`. A token makes no token that may do more than itself. */
      readonly scopes?: ReadonlyArray<'read' | 'helpdesk' | 'write' | 'account:read' | 'account:write' | 'owners:read' | 'owners:write' | 'actors:read' | 'actors:write' | 'groups:read' | 'groups:write' | 'identity_providers:read' | 'identity_providers:write' | 'identities:read' | 'identities:write' | 'clients:read' | 'clients:write' | 'sessions:read' | 'sessions:write' | 'sites:read' | 'sites:write' | 'gateways:read' | 'gateways:write' | 'relays:read' | 'relays:write' | 'resources:read' | 'resources:write' | 'policies:read' | 'policies:write' | 'authorizations:read' | 'authorizations:write' | 'tokens:read' | 'tokens:write' | 'dns:read' | 'dns:write' | 'plugins:read' | 'plugins:write' | 'explain:read' | 'explain:write' | 'audit_log:read' | 'audit_log:write'> | undefined
    }
    answer: {
      readonly id: string
      readonly token: string
      /** `expires_at`: Null if it is valid until revoked */
      readonly expires_at: string | null
    }
  }
  /** Lists an actor's API tokens */
  'GET /actors/{id}/api_tokens': {
    path: {
      readonly id: string
    }
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'kind' | '-kind' | 'expires_at' | '-expires_at' | 'last_used_at' | '-last_used_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `kind`: One of these, separated by commas */
      readonly kind?: ReadonlyArray<'client' | 'gateway' | 'relay' | 'api'> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      readonly is_emergency?: boolean | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `last_used_at_from`: At this time or later */
      readonly last_used_at_from?: string | undefined
      /** `last_used_at_before`: Before this time */
      readonly last_used_at_before?: string | undefined
      /** `last_used_at_is_null`: Whether there is no value */
      readonly last_used_at_is_null?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Token>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Lists all tokens */
  'GET /tokens': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'name' | '-name' | 'kind' | '-kind' | 'expires_at' | '-expires_at' | 'last_used_at' | '-last_used_at' | 'actor_name' | '-actor_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `kind`: One of these, separated by commas */
      readonly kind?: ReadonlyArray<'client' | 'gateway' | 'relay' | 'api'> | undefined
      /** `actor_id`: One of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `site_id`: One of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `identity_provider_id`: One of these ids, separated by commas */
      readonly identity_provider_id?: ReadonlyArray<string> | undefined
      readonly is_emergency?: boolean | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `last_used_at_from`: At this time or later */
      readonly last_used_at_from?: string | undefined
      /** `last_used_at_before`: Before this time */
      readonly last_used_at_before?: string | undefined
      /** `last_used_at_is_null`: Whether there is no value */
      readonly last_used_at_is_null?: boolean | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Token>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Shows a token */
  'GET /tokens/{id}': {
    path: {
      readonly id: string
    }
    answer: Token
  }
  /** Renames a token */
  'PATCH /tokens/{id}': {
    path: {
      readonly id: string
    }
    body: {
      readonly name?: string | undefined
    }
    answer: Token
  }
  /** Revokes a token */
  'DELETE /tokens/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists the authorizations */
  'GET /authorizations': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` or `previous_cursor` of another page of this list, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: Column by which the rows are sorted, with `-` the greatest first; by creation unless given */
      readonly sort?: 'created_at' | '-created_at' | 'updated_at' | '-updated_at' | 'expires_at' | '-expires_at' | 'client_name' | '-client_name' | 'resource_name' | '-resource_name' | 'gateway_name' | '-gateway_name' | undefined
      readonly search?: string | undefined
      /** `id`: One of these ids, separated by commas */
      readonly id?: ReadonlyArray<string> | undefined
      /** `policy_id`: One of these ids, separated by commas */
      readonly policy_id?: ReadonlyArray<string> | undefined
      /** `client_id`: One of these ids, separated by commas */
      readonly client_id?: ReadonlyArray<string> | undefined
      /** `gateway_id`: One of these ids, separated by commas */
      readonly gateway_id?: ReadonlyArray<string> | undefined
      /** `resource_id`: One of these ids, separated by commas */
      readonly resource_id?: ReadonlyArray<string> | undefined
      /** `expires_at_from`: At this time or later */
      readonly expires_at_from?: string | undefined
      /** `expires_at_before`: Before this time */
      readonly expires_at_before?: string | undefined
      /** `expires_at_is_null`: Whether there is no value */
      readonly expires_at_is_null?: boolean | undefined
      /** `actor_id`: Of a client of an actor: one of these ids, separated by commas */
      readonly actor_id?: ReadonlyArray<string> | undefined
      /** `group_id`: By membership in a group: one of these ids, separated by commas */
      readonly group_id?: ReadonlyArray<string> | undefined
      /** `site_id`: For a resource of a site: one of these ids, separated by commas */
      readonly site_id?: ReadonlyArray<string> | undefined
      /** `created_at_from`: At this time or later */
      readonly created_at_from?: string | undefined
      /** `created_at_before`: Before this time */
      readonly created_at_before?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
    }
    answer: {
      readonly data: ReadonlyArray<Authorization>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Shows an authorization */
  'GET /authorizations/{id}': {
    path: {
      readonly id: string
    }
    answer: Authorization
  }
  /** Withdraws an authorization; the client may ask again */
  'DELETE /authorizations/{id}': {
    path: {
      readonly id: string
    }
    query: {
      /** `dry_run`: Whether to say only what would go, and who would lose access */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `cascade`: Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. Without it, a row that has such is not removed: 409 in_use, with `removal` */
      readonly cascade?: 'true' | 'false' | undefined
    }
    answer: Removal | undefined
  }
  /** Lists changes, decisions and sign-ins, newest first */
  'GET /audit_log': {
    query: {
      /** `limit`: Maximum number of rows on a page */
      readonly limit?: number | undefined
      /** `cursor`: `next_cursor` of the previous page, unchanged */
      readonly cursor?: string | undefined
      /** `sort`: With `-` the newest first */
      readonly sort?: 'created_at' | '-created_at' | undefined
      readonly kind?: 'change' | 'decision' | 'sign_in' | 'api_call' | undefined
      /** `action`: What happened, such as `updated` or `denied` */
      readonly action?: string | undefined
      /** `entity`: Collection of the row that the record is about, such as `policies` */
      readonly entity?: string | undefined
      /** `actor_id`: Actor who made the change, or whose request or sign-in it is */
      readonly actor_id?: string | undefined
      /** `entity_id`: Row that the record is about */
      readonly entity_id?: string | undefined
      /** `search`: Text in the record, or in the name of a row that it names: a person, group, device, gateway, resource, site, token or provider */
      readonly search?: string | undefined
      /** `format`: `csv`: all rows of the list, without pages; also by the header Accept: text/csv. `ndjson`: the same as JSON, one row a line; also by Accept: application/x-ndjson */
      readonly format?: 'json' | 'csv' | 'ndjson' | undefined
      /** `since`: Start of the period, inclusive */
      readonly since?: string | undefined
      /** `until`: End of the period, exclusive */
      readonly until?: string | undefined
    }
    answer: {
      readonly data: ReadonlyArray<AuditRecord>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Lists the plugins that the portal has loaded */
  'GET /plugins': {
    answer: {
      readonly data: ReadonlyArray<Plugin>
      /** `next_cursor`: Cursor of the next page; null on the last one */
      readonly next_cursor: string | null
      /** `previous_cursor`: Cursor of the previous page; null on the first one */
      readonly previous_cursor: string | null
      /** `before`: Number of rows before this page, as counted while paging: changes since are not noticed */
      readonly before: number
      /** `total`: Number of all rows that pass the filters, on all pages */
      readonly total: number
      /** `total_is_exact`: False if there are more rows than `total`, the most that are counted */
      readonly total_is_exact: boolean
    }
  }
  /** Creates, changes and removes many rows: all, or none */
  'POST /bulk': {
    body: {
      readonly operations?: ReadonlyArray<{
        readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
        /** `path`: Path below /api/v1 */
        readonly path: string
        readonly body?: Readonly<Record<string, unknown>> | undefined
        /** `cascade`: For DELETE: whether to remove what was made for the row as well, as its own `cascade` does */
        readonly cascade?: boolean | undefined
        /** `if_match`: ETag of the row that the change is based on; if somebody changed it since, nothing is done */
        readonly if_match?: string | undefined
      }> | undefined
      /** `all_that_match`: The same change of every row of a list */
      readonly all_that_match?: {
        /** `path`: Path of a list below /api/v1 */
        readonly path: string
        /** `query`: Filters and search of the list, as in its own query */
        readonly query?: Readonly<Record<string, string>> | undefined
        /** `total`: Number of rows that the list had; if it has become another, nothing is done: 409 total_changed */
        readonly total: number
        readonly method: 'PATCH' | 'DELETE'
        readonly body?: Readonly<Record<string, unknown>> | undefined
        /** `cascade`: For DELETE: whether to remove what was made for the row as well, as its own `cascade` does */
        readonly cascade?: boolean | undefined
      } | undefined
    }
    answer: {
      /** `results`: What each operation alone would have answered, in their order */
      readonly results: ReadonlyArray<{
        readonly status: number
        readonly id: string | null
        readonly etag: string | null
      }>
    }
  }
  /** Shows the account’s configuration as one document */
  'GET /access_file': {
    query: {
      /** `sections`: Sections to answer with, separated by commas; all of them if left out */
      readonly sections?: ReadonlyArray<'sites' | 'resources' | 'actors' | 'groups' | 'providers' | 'policies'> | undefined
    }
    answer: {
      readonly sites?: ReadonlyArray<{
        readonly name: string
        /** `selector`: The key of a gateway selector plugin */
        readonly selector?: string | undefined
        readonly selector_settings?: Readonly<Record<string, unknown>> | undefined
      }> | undefined
      readonly resources?: ReadonlyArray<{
        readonly name: string
        readonly type: 'dns' | 'cidr' | 'ip' | 'internet'
        /** `address`: By type: a name, *.name or **.name; a CIDR; one IP address; null for the Internet, of which an account has at most one */
        readonly address?: string | null | undefined
        readonly address_description?: string | null | undefined
        /** `filters`: If empty, all traffic may pass; else only the listed protocols and ports. */
        readonly filters?: ReadonlyArray<{
          readonly protocol: 'tcp' | 'udp' | 'icmp'
          /** `ports`: All ports if empty */
          readonly ports?: ReadonlyArray<string> | undefined
        }> | undefined
        /** `ip_stack`: For names: address families in DNS answers. If a name belongs to several resources, the most specific one decides */
        readonly ip_stack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
        /** `site`: Name of its site */
        readonly site: string
      }> | undefined
      readonly actors?: ReadonlyArray<{
        /** `type`: Role of a person: an owner may do everything; an admin all but making owners and changing identity providers; an auditor reads; the helpdesk has devices and sign-ins; a user has her own pages only */
        readonly type?: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account' | undefined
        readonly name: string
        readonly email?: string | null | undefined
        readonly is_disabled?: boolean | undefined
      }> | undefined
      readonly groups?: ReadonlyArray<{
        readonly name: string
        /** `members`: All members; if left out, the members stay as they are */
        readonly members?: ReadonlyArray<string> | undefined
      }> | undefined
      readonly providers?: ReadonlyArray<{
        readonly name: string
        /** `type`: The key of an identity provider plugin */
        readonly type: string
        readonly settings?: Readonly<Record<string, unknown>> | undefined
        /** `is_default`: Whether sign-ins go to this provider at once, without a choice; true for at most one provider */
        readonly is_default?: boolean | undefined
        readonly is_disabled?: boolean | undefined
        readonly client_token_lifetime_seconds?: number | undefined
        readonly session_lifetime_seconds?: number | undefined
        /** `email_domains`: E-mail domains whose verified addresses let a person sign in for the first time through this provider; * allows every domain. If left out: * for the first provider of an account, none for others */
        readonly email_domains?: ReadonlyArray<string> | undefined
      }> | undefined
      readonly policies?: ReadonlyArray<{
        readonly description?: string | null | undefined
        /** `conditions`: All of them must hold */
        readonly conditions?: ReadonlyArray<{
          /** `condition`: The key of a policy condition plugin */
          readonly condition: string
          readonly settings?: Readonly<Record<string, unknown>> | undefined
        }> | undefined
        readonly is_disabled?: boolean | undefined
        /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
        readonly mode?: 'enforced' | 'shadow' | undefined
        /** `group`: Name of the group */
        readonly group: string
        /** `resource`: Name of the resource */
        readonly resource: string
      }> | undefined
    }
  }
  /** Makes the account what a document says, in one transaction */
  'POST /access_file': {
    query: {
      /** `dry_run`: Whether to say only what would change, who would gain or lose access, and which tests hold */
      readonly dry_run?: 'true' | 'false' | undefined
      /** `prune`: Whether to remove what an earlier file named and this one does not, in those sections that this one has */
      readonly prune?: 'true' | 'false' | undefined
    }
    body: {
      readonly sites?: ReadonlyArray<{
        readonly name: string
        /** `selector`: The key of a gateway selector plugin */
        readonly selector?: string | undefined
        readonly selector_settings?: Readonly<Record<string, unknown>> | undefined
      }> | undefined
      readonly resources?: ReadonlyArray<{
        readonly name: string
        readonly type: 'dns' | 'cidr' | 'ip' | 'internet'
        /** `address`: By type: a name, *.name or **.name; a CIDR; one IP address; null for the Internet, of which an account has at most one */
        readonly address?: string | null | undefined
        readonly address_description?: string | null | undefined
        /** `filters`: If empty, all traffic may pass; else only the listed protocols and ports. */
        readonly filters?: ReadonlyArray<{
          readonly protocol: 'tcp' | 'udp' | 'icmp'
          /** `ports`: All ports if empty */
          readonly ports?: ReadonlyArray<string> | undefined
        }> | undefined
        /** `ip_stack`: For names: address families in DNS answers. If a name belongs to several resources, the most specific one decides */
        readonly ip_stack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
        /** `site`: Name of its site */
        readonly site: string
      }> | undefined
      readonly actors?: ReadonlyArray<{
        /** `type`: Role of a person: an owner may do everything; an admin all but making owners and changing identity providers; an auditor reads; the helpdesk has devices and sign-ins; a user has her own pages only */
        readonly type?: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account' | undefined
        readonly name: string
        readonly email?: string | null | undefined
        readonly is_disabled?: boolean | undefined
      }> | undefined
      readonly groups?: ReadonlyArray<{
        readonly name: string
        /** `members`: All members; if left out, the members stay as they are */
        readonly members?: ReadonlyArray<string> | undefined
      }> | undefined
      readonly providers?: ReadonlyArray<{
        readonly name: string
        /** `type`: The key of an identity provider plugin */
        readonly type: string
        readonly settings?: Readonly<Record<string, unknown>> | undefined
        /** `is_default`: Whether sign-ins go to this provider at once, without a choice; true for at most one provider */
        readonly is_default?: boolean | undefined
        readonly is_disabled?: boolean | undefined
        readonly client_token_lifetime_seconds?: number | undefined
        readonly session_lifetime_seconds?: number | undefined
        /** `email_domains`: E-mail domains whose verified addresses let a person sign in for the first time through this provider; * allows every domain. If left out: * for the first provider of an account, none for others */
        readonly email_domains?: ReadonlyArray<string> | undefined
      }> | undefined
      readonly policies?: ReadonlyArray<{
        readonly description?: string | null | undefined
        /** `conditions`: All of them must hold */
        readonly conditions?: ReadonlyArray<{
          /** `condition`: The key of a policy condition plugin */
          readonly condition: string
          readonly settings?: Readonly<Record<string, unknown>> | undefined
        }> | undefined
        readonly is_disabled?: boolean | undefined
        /** `mode`: A policy in shadow mode is evaluated and recorded but grants nothing */
        readonly mode?: 'enforced' | 'shadow' | undefined
        /** `group`: Name of the group */
        readonly group: string
        /** `resource`: Name of the resource */
        readonly resource: string
      }> | undefined
      /** `tests`: Expectations without which nothing is done */
      readonly tests?: ReadonlyArray<{
        /** `expect`: `ACTOR can reach RESOURCE`, or `cannot`; the resource with a port (`wiki:443`, `dns:53/udp`) or without */
        readonly expect: string
        /** `at`: Time of the supposed request; the present if left out */
        readonly at?: string | undefined
        /** `remote_ip`: IP address that the request comes from */
        readonly remote_ip?: string | undefined
        /** `client_verified`: Whether the device is verified */
        readonly client_verified?: boolean | undefined
        /** `provider`: Name of the identity provider of the supposed sign-in */
        readonly provider?: string | undefined
      }> | undefined
    }
    answer: AccessFileOutcome
  }
}

/** Operations that create something, which a key keeps from being done twice. */
export const CREATIONS: ReadonlySet<string> = new Set([
  'POST /sites',
  'POST /resources',
  'POST /actors',
  'POST /groups',
  'POST /policies',
  'POST /identity_providers',
  'POST /identities',
  'POST /sites/{id}/gateway_tokens',
  'POST /gateways/{id}/tokens',
  'POST /gateways/{id}/rotate_token',
  'POST /relay_tokens',
  'POST /actors/{id}/client_tokens',
  'POST /actors/{id}/api_tokens',
])
