// The Node implementation of every port in core/runtime: one factory each. Nothing here does I/O before it is called.
import type { Clock } from '../../core/runtime/clock.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { Random } from '../../core/runtime/random.ts'
import { SystemClock } from './clock.ts'
import { PinoLogger, type LoggerOptions } from './logger.ts'
import { SystemRandom } from './random.ts'

export type { LoggerOptions, LogLevel } from './logger.ts'

export const createClock = (): Clock => new SystemClock()
export const createRandom = (): Random => new SystemRandom()
export const createLogger = (options: LoggerOptions = {}): Logger => PinoLogger.open(options)
