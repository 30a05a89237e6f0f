/** `workset help [command|topic]`. */
import { nearest, UsageError } from '@workset/model';

import type { CommandSpec } from '../command.ts';
import { COMMANDS, COMMAND_NAMES } from '../commands.ts';
import { commandHelp, mainHelp } from '../help-text.ts';
import { TOPICS } from '../topics.ts';

export const help: CommandSpec = {
  name: 'help',
  summary: 'help on a command or a topic',
  positionals: { usage: '[command|topic]', min: 0, max: 1 },
  options: [],
  examples: ['workset help replay', 'workset help sweeps'],
  async run(args, ctx) {
    const text = await helpOn(args.positionals[0]);
    if (ctx.json) ctx.out.json({ help: text });
    else ctx.out.raw(text);
  },
};

async function helpOn(name: string | undefined): Promise<string> {
  if (name === undefined) return mainHelp();
  const command = COMMANDS.find((entry) => entry.name === name);
  if (command !== undefined) return commandHelp(await command.load());
  const topic = TOPICS.find(({ id }) => id === name);
  if (topic !== undefined) return `${topic.title}\n\n${topic.text}\n`;
  const known = [...COMMAND_NAMES, ...TOPICS.map(({ id }) => id)];
  const near = nearest(name, known);
  throw new UsageError(
    `no command or topic ${JSON.stringify(name)}`,
    (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `known: ${known.join(', ')}`,
  );
}
