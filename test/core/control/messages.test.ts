import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { DIALECTS, EVENTS, readMessage, wireName, type Dialect, type MessageSet } from '../../../core/control/events.ts'
import type { Direction, Role } from '../../../core/control/messages.ts'
import { example, exampleMessages } from './examples.ts'

const ROLES: Role[] = ['client', 'gateway']
const DIRECTIONS: Direction[] = ['fromPortal', 'toPortal']

/** Every name on the wire with its role, direction and dialect. */
const WIRE_NAMES = ROLES.flatMap((role) =>
  DIRECTIONS.flatMap((direction) =>
    DIALECTS.flatMap((dialect) =>
      Object.values(EVENTS[role][direction] as Record<string, Partial<Record<Dialect, string>>>).flatMap((names) => {
        const wire = names[dialect]
        return wire === undefined ? [] : [{ role, direction, dialect, wire }]
      }),
    ),
  ),
)

describe('messages of the control channel', () => {
  for (const { name, role, direction, dialect, frame } of exampleMessages()) {
    it(`reads the example ${name} in dialect ${dialect} and loses nothing of it`, () => {
      const messages: MessageSet<'client', Direction> = { role: role as 'client', direction, dialect }
      const verdict = readMessage(messages, frame.event, frame.payload)
      expect(verdict.ok, JSON.stringify(verdict)).to.equal(true)
      if (!verdict.ok) return
      expect(verdict.message.payload).to.deep.equal(frame.payload)
      expect(wireName(messages, verdict.message.event as never)).to.equal(frame.event)
    })
  }

  it('there is an example of every event of each dialect but of those that Portreeve adds', () => {
    const shown = new Set(
      exampleMessages().map(({ role, direction, dialect, frame }) => `${dialect} ${role} ${direction} ${frame.event}`),
    )
    const missing = WIRE_NAMES.map(({ role, direction, dialect, wire }) => `${dialect} ${role} ${direction} ${wire}`)
      .filter((key) => !shown.has(key))
      .map((key) => key.replace(/^v2 /, ''))
    expect(missing).to.deep.equal([
      'client fromPortal gateway_gone',
      'client fromPortal report_paths',
      'client toPortal client_facts',
      'client toPortal client_paths',
      'client toPortal set_capabilities',
      'gateway fromPortal report_load',
      'gateway fromPortal report_paths',
      'gateway fromPortal report_problems',
      'gateway toPortal access_rejected',
      'gateway toPortal name_findings',
      'gateway toPortal gateway_load',
      'gateway toPortal gateway_paths',
      'gateway toPortal host_problems',
      'gateway toPortal set_capabilities',
    ])
  })

  it('leaves a single bad resource out of a client’s init and keeps the others', () => {
    const { payload } = example('client.init')
    const init = payload as { resources: Record<string, unknown>[] }
    const [first, second] = init.resources
    const spoilt = { ...init, resources: [{ ...first, type: 'device_pool' }, second, { ...first, address: 7 }, null] }
    const verdict = readMessage({ role: 'client', direction: 'fromPortal', dialect: 'v2' }, 'init', spoilt)
    expect(verdict.ok && verdict.message.event === 'init' && verdict.message.payload.resources).to.deep.equal([second])
  })

  it('refuses a whole frame to a gateway for one unknown resource type', () => {
    const { payload } = example('gateway.create_authorization')
    const grant = payload as { resource: object }
    const verdict = readMessage({ role: 'gateway', direction: 'fromPortal', dialect: 'v2' }, 'create_authorization', {
      ...grant,
      resource: { ...grant.resource, type: 'device_pool' },
    })
    expect(verdict).to.deep.equal({
      ok: false,
      reason: 'invalid-payload',
      detail: 'createAuthorization.resource.type',
    })
  })

  it('unknown events are refused, also those that are names of object members', () => {
    const isUnknown = (event: string, dialect: Dialect) =>
      expect(readMessage({ role: 'client', direction: 'toPortal', dialect }, event, {}), event).to.include({
        ok: false,
        reason: 'unknown-event',
      })
    for (const dialect of DIALECTS) {
      for (const event of ['constructor', '__proto__', 'toString', '']) isUnknown(event, dialect)
    }
    for (const event of ['create_flow', 'broadcast_ice_candidates', 'request_device_access']) isUnknown(event, 'v2')
    for (const event of ['request_authorization', 'set_snownet_capabilities', 'set_capabilities']) {
      isUnknown(event, 'v1')
    }
  })

  it('reading a message never throws, whatever the payload', () => {
    fc.assert(
      fc.property(fc.constantFrom(...WIRE_NAMES), fc.jsonValue({ maxDepth: 4 }), ({ wire, ...set }, payload) => {
        const verdict = readMessage(set, wire, payload)
        if (!verdict.ok) expect(verdict.detail).to.be.a('string')
      }),
    )
  })

  it('reading a message never throws on an example of which one part was replaced', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...exampleMessages()),
        fc.nat(),
        fc.jsonValue(),
        ({ role, direction, dialect, frame }, at, value) => {
          const paths = leaves(frame.payload)
          const path = paths[at % Math.max(1, paths.length)] ?? []
          const verdict = readMessage({ role, direction, dialect }, frame.event, replaced(frame.payload, path, value))
          if (!verdict.ok) expect(verdict.reason).to.equal('invalid-payload')
        },
      ),
    )
  })
})

const leaves = (value: unknown, path: string[] = []): string[][] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, part]) => leaves(part, [...path, key]))
    : [path]

const replaced = (value: unknown, [key, ...rest]: string[], by: unknown): unknown => {
  if (key === undefined) return by
  if (Array.isArray(value))
    return value.map((part: unknown, index) => (String(index) === key ? replaced(part, rest, by) : part))
  return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, by) }
}
