import Sequencer from '@jest/test-sequencer';

/** The files that take longest, by far. Begun last, one of them would keep one core busy while the other is idle. */
const LONG =
  /test\/(faults\/.*|model\/(lmdb|memory|ram|view|registration)|e2e\/(server-kill|outage|demo|server-stop))\.test\.ts$/;

/** The long files first; the others as Jest would have them. */
export default class LongFirst extends Sequencer {
  sort(tests) {
    const inOrder = super.sort(tests);
    const isLong = ({ path }) => LONG.test(path);
    return [...inOrder.filter(isLong), ...inOrder.filter((test) => !isLong(test))];
  }
}
