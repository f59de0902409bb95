import { pictureOf, seconds, summaryOf, type Moment } from './picture.js';

/** Where the course of a demonstration is shown. */
export interface Display {
  /** Says something that stays. */
  note(text: string): void;
  /** Stops showing the present; what was said stays. Idempotent. */
  end(): void;
}

const FRAME_MS = 100;
const LINE_MS = 2_000;

/** What was said so far, and below it the present, drawn over and over. */
export function liveDisplay(out: NodeJS.WriteStream, moment: () => Moment): Display {
  let height = 0;
  const erase = (): string => (height === 0 ? '' : `\x1b[${height}A\x1b[J`);
  function draw(said: string): void {
    const lines = ['', ...pictureOf(moment())];
    out.write(`${erase()}${said}${lines.map((line) => `${line}\n`).join('')}`);
    height = lines.length;
  }
  const timer = setInterval(() => draw(''), FRAME_MS);
  return {
    note: (text) => draw(`${seconds(moment().elapsedMs).padStart(7)}  ${text}\n`),
    end() {
      clearInterval(timer);
      draw('');
      height = 0;
    },
  };
}

/** Lines: what is said, and every two seconds how it goes. */
export function plainDisplay(out: NodeJS.WritableStream, moment: () => Moment): Display {
  const note = (text: string): void => void out.write(`${seconds(moment().elapsedMs).padStart(7)}  ${text}\n`);
  const timer = setInterval(() => {
    if (moment().elapsedMs > 0) note(`  ${summaryOf(moment())}`);
  }, LINE_MS);
  return { note, end: () => clearInterval(timer) };
}

export const noDisplay: Display = { note() {}, end() {} };
