import type { ReadStream } from 'node:tty'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const BACKSPACE = new Set(['\b', '\u007f'])
/** Maximum length of the line, above that of any token or URL with a token. */
const MAX_LINE_CHARACTERS = 8_192

/** Reads one line from a terminal without echo, or from a pipe. Rejects on Ctrl-C. */
export const hiddenLine = (input: ReadStream | NodeJS.ReadableStream = process.stdin): Promise<string> =>
  new Promise((resolve, reject) => {
    const terminal = 'setRawMode' in input && input.isTTY ? input : undefined
    let line = ''
    const end = (finish: () => void): void => {
      terminal?.setRawMode(false)
      input.off('data', take).off('end', finishAtEnd)
      input.pause()
      finish()
    }
    const finishAtEnd = (): void => end(() => resolve(line))
    const take = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n' || character === CTRL_D) return finishAtEnd()
        if (terminal !== undefined && character === CTRL_C) return end(() => reject(new Error('it was broken off')))
        if (BACKSPACE.has(character)) line = line.slice(0, -1)
        else if (line.length < MAX_LINE_CHARACTERS) line += character
      }
    }
    terminal?.setRawMode(true)
    input.on('data', take).once('end', finishAtEnd)
    input.resume()
  })
