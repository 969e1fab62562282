import { readFileSync } from 'node:fs'
import { DIALECTS, type Dialect } from '../../../core/control/events.ts'
import type { Role } from '../../../core/control/messages.ts'

const FOLDER = 'test/vector/protocol/examples/'

export interface ExampleFrame {
  topic: string
  event: string
  payload: unknown
  ref: number | null
}

/** The wire example `name` (without `.json`) as a value. */
export const example = (name: string): ExampleFrame =>
  JSON.parse(readFileSync(`${FOLDER}${name}.json`, 'utf8')) as ExampleFrame

export interface ExampleMessage {
  name: string
  role: Role
  direction: 'fromPortal' | 'toPortal'
  dialect: Dialect
  frame: ExampleFrame
}

/** All examples of messages, once for each dialect that has them, with the role that reads or sends each. */
export const exampleMessages = (): ExampleMessage[] => {
  const index = JSON.parse(readFileSync(`${FOLDER}index.json`, 'utf8')) as Record<
    string,
    { from: string; to: string; dialect: string }
  >
  return Object.entries(index).flatMap(([file, { from, to, dialect: told }]) => {
    const [role] = file.split('.')
    if (role !== 'client' && role !== 'gateway') return []
    const name = file.slice(0, -'.json'.length)
    const direction = from === 'portal' ? ('fromPortal' as const) : ('toPortal' as const)
    if (direction === 'fromPortal' && to !== role) throw new Error(`unexpected reader of ${file}`)
    return DIALECTS.filter((dialect) => told === dialect || told === 'both').map((dialect) => ({
      name,
      role,
      direction,
      dialect,
      frame: example(name),
    }))
  })
}
