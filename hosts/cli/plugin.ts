import { Command } from 'commander'
import type { CommandContext } from './context.ts'
import { pluginCheckCommand } from './plugin-check.ts'
import { pluginListCommand } from './plugin-list.ts'
import { pluginNewCommand } from './plugin-new.ts'
import { pluginSchemaCommand } from './plugin-schema.ts'

/** Builds `portreeve plugin …`. */
export const pluginCommand = (context: CommandContext): Command =>
  new Command('plugin')
    .addCommand(pluginNewCommand(context))
    .addCommand(pluginCheckCommand(context))
    .addCommand(pluginListCommand(context))
    .addCommand(pluginSchemaCommand(context))
