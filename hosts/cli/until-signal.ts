const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once. With `hangUp`, SIGHUP calls that instead,
 * as often as it comes.
 */
export const untilSignal = ({ hangUp }: { hangUp?: () => void } = {}): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    const ending = SIGNALS.filter((name) => name !== 'SIGHUP' || hangUp === undefined)
    const onSignal = (signal: NodeJS.Signals): void => {
      for (const name of ending) process.off(name, onSignal)
      resolve(signal)
    }
    for (const name of ending) process.on(name, onSignal)
    if (hangUp !== undefined) process.on('SIGHUP', hangUp)
  })
