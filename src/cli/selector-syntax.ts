import { RollcallError } from '../core/errors.js';
import { Health } from '../gen/rollcall/v1/endpoint.js';
import {
  LabelRequirement_Operator as Operator,
  type LabelRequirement,
  type Selector,
} from '../gen/rollcall/v1/selector.js';

/**
 * The text form of selectors, in the manner of Kubernetes:
 *
 *     selector    = requirement { "," requirement }
 *     requirement = KEY                          the label exists
 *                 | "!" KEY                      the label does not exist
 *                 | KEY ( "=" | "==" ) VALUE     it is VALUE
 *                 | KEY "!=" VALUE               it is not VALUE, or does not exist
 *                 | KEY "in" values              it is one of them
 *                 | KEY "notin" values           it is none of them, or does not exist
 *     values      = "(" VALUE { "," VALUE } ")"
 *
 * KEY and VALUE are words of `A-Z a-z 0-9 . _ / : @ + -`, or anything in double
 * quotes, in which a backslash makes the next character plain. The keys `zone`
 * and `health` are not labels but the endpoint's own zone and health, and take
 * only `=`, `==` and `in`; a label of such a name is written in quotes.
 */
export const SELECTOR_SYNTAX_HELP = `Selectors are requirements joined by commas, all of which must hold:
  canary   !canary   version=v1   version!=v1   version in (v1,v2)   version notin (v1,v2)
  zone=a   health in (healthy,draining)    the endpoint's own, not labels; write "zone"=a for a label`;

type Token =
  | { readonly kind: 'word'; readonly text: string; readonly quoted: boolean; readonly column: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly column: number }
  | { readonly kind: 'end'; readonly text: ''; readonly column: number };

const SPACE = /\s+/y;
const WORD = /[A-Za-z0-9._/:@+-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SYMBOL = /==|!=|[=!,()]/y;

const HEALTH_BY_NAME: ReadonlyMap<string, Health> = new Map([
  ['healthy', Health.HEALTHY],
  ['unhealthy', Health.UNHEALTHY],
  ['draining', Health.DRAINING],
  ['suspect', Health.SUSPECT],
]);

/**
 * Reads a selector. An empty text selects everything.
 *
 * @throws RollcallError INVALID_FIELD for the field `--selector`, with the column, from 1, in `metadata.column`
 */
export function parseSelector(text: string): Selector {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  readonly #selector: Selector = { labelRequirements: [], health: [], zones: [] };

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  parse(): Selector {
    if (this.#peek().kind === 'end') return this.#selector;
    for (;;) {
      this.#requirement();
      const token = this.#next();
      if (token.kind === 'end') return this.#selector;
      if (token.text !== ',' || token.kind !== 'symbol') throw this.#expected('a comma or the end', token);
    }
  }

  #requirement(): void {
    const negated = this.#takeSymbol('!');
    const key = this.#word('a label');
    const own = key.quoted ? undefined : ownProperty(key.text);
    if (negated || this.#atRequirementEnd()) {
      if (own !== undefined) throw fault(this.#text, key, `${own} takes =, == or in; write "${own}" for a label`);
      this.#require(key.text, negated ? Operator.NOT_EXISTS : Operator.EXISTS, []);
      return;
    }
    const { operator, values } = this.#comparison();
    if (own === undefined)
      this.#require(
        key.text,
        operator,
        values.map(({ text }) => text),
      );
    else this.#requireOwn(own, key, operator, values);
  }

  #comparison(): { operator: Operator; values: Token[] } {
    const token = this.#next();
    if (token.kind === 'symbol' && (token.text === '=' || token.text === '==')) {
      return { operator: Operator.IN, values: [this.#word('a value')] };
    }
    if (token.kind === 'symbol' && token.text === '!=') {
      return { operator: Operator.NOT_IN, values: [this.#word('a value')] };
    }
    if (token.kind === 'word' && !token.quoted && token.text === 'in') {
      return { operator: Operator.IN, values: this.#values() };
    }
    if (token.kind === 'word' && !token.quoted && token.text === 'notin') {
      return { operator: Operator.NOT_IN, values: this.#values() };
    }
    throw this.#expected('=, !=, in, notin, a comma or the end', token);
  }

  #values(): Token[] {
    if (!this.#takeSymbol('(')) throw this.#expected('(', this.#peek());
    const values: Token[] = [];
    do values.push(this.#word('a value'));
    while (this.#takeSymbol(','));
    if (!this.#takeSymbol(')')) throw this.#expected('a comma or )', this.#peek());
    return values;
  }

  #require(key: string, operator: LabelRequirement['operator'], values: string[]): void {
    this.#selector.labelRequirements.push({ key, operator, values });
  }

  #requireOwn(own: 'zone' | 'health', key: Token, operator: Operator, values: readonly Token[]): void {
    if (operator !== Operator.IN) throw fault(this.#text, key, `${own} takes =, == or in; write "${own}" for a label`);
    const list: unknown[] = own === 'zone' ? this.#selector.zones : this.#selector.health;
    if (list.length > 0) throw fault(this.#text, key, `${own} is given twice; use ${own} in (…)`);
    for (const value of values) list.push(own === 'zone' ? value.text : this.#health(value));
  }

  #health(value: Token): Health {
    const health = HEALTH_BY_NAME.get(value.text.toLowerCase());
    if (health === undefined) throw this.#expected('healthy, unhealthy, draining or suspect', value);
    return health;
  }

  #peek(): Token {
    // The last token is the end, and nothing moves beyond it.
    return this.#tokens[this.#at] as Token;
  }

  #next(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  #takeSymbol(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'symbol' || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #word(what: string): Extract<Token, { kind: 'word' }> {
    const token = this.#next();
    if (token.kind !== 'word') throw this.#expected(what, token);
    return token;
  }

  #atRequirementEnd(): boolean {
    const token = this.#peek();
    return token.kind === 'end' || (token.kind === 'symbol' && token.text === ',');
  }

  #expected(what: string, found: Token): RollcallError {
    const instead = found.kind === 'end' ? 'the end' : found.text;
    return fault(this.#text, found, `expected ${what}, not ${instead}`);
  }
}

function ownProperty(key: string): 'zone' | 'health' | undefined {
  return key === 'zone' || key === 'health' ? key : undefined;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  for (;;) {
    at += match(SPACE)?.[0].length ?? 0;
    const column = at + 1;
    if (at === text.length) return [...tokens, { kind: 'end', text: '', column }];
    const word = match(WORD);
    const quoted = word === null ? match(QUOTED) : null;
    const symbol = word === null && quoted === null ? match(SYMBOL) : null;
    if (word !== null) tokens.push({ kind: 'word', text: word[0], quoted: false, column });
    else if (quoted !== null) {
      tokens.push({ kind: 'word', text: (quoted[1] ?? '').replace(/\\(.)/g, '$1'), quoted: true, column });
    } else if (symbol !== null) tokens.push({ kind: 'symbol', text: symbol[0], column });
    else throw fault(text, { column }, text[at] === '"' ? 'the quote is not closed' : `${text[at]} must be quoted`);
    at += (word ?? quoted ?? symbol)?.[0].length ?? 0;
  }
}

function fault(text: string, { column }: { column: number }, description: string): RollcallError {
  const message = `--selector, column ${column}: ${description}`;
  return new RollcallError('INVALID_FIELD', message, {
    violations: [{ field: '--selector', description: `column ${column}: ${description}` }],
    metadata: { column: String(column), text },
  });
}
