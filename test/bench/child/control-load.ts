// The load generator of `npm run bench:control`, a process of its own: gateways, clients and callers of the REST API.
import { Load } from '../control/load.ts'
import type { Task } from '../control/messages.ts'

const load = new Load()
process.on('message', (task: Task) => {
  void load.run(task).then(
    (done) => process.send?.(done),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
process.once('disconnect', () => process.exit(0))
