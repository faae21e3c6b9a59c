// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.PoisonedException;
import dev.varve.file.SimulatedStorage;
import dev.varve.store.Machine.Handle;
import dev.varve.store.Owners.Life;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The rules about dead owners. */
class OwnersTest {
  private final SimulatedStorage storage = SharedStateTest.simulated();
  private final SimulatedStorage other = storage.otherProcess();
  private final Machine machine = new Machine(storage, Path.of("/data"));
  private final Handle a = machine.open(storage);
  private final Handle b = machine.open(other);
  private final Meta meta = new Meta();

  private Life probe() {
    return a.slots.owners().probe(1);
  }

  @Test
  void theLivingAreLeftAlone() {
    b.slots.pin(meta);
    b.writer.take(Duration.ZERO);
    assertThat(probe()).isEqualTo(Life.ALIVE);
    assertThat(a.slots.owners().probe(0)).as("of oneself").isEqualTo(Life.ALIVE);
    assertThat(a.slots.owners().probe(2)).as("of nobody").isEqualTo(Life.GONE);
    assertThat(b.writer.isMine()).isTrue();
    assertThat(a.slots.owners().reclaim()).isTrue();
    assertThat(a.needed()).containsExactly(1L);
    assertThat(a.gate.isAnyoneIn()).isTrue();
  }

  @Test
  void whatTheDeadHeldIsFree() {
    b.slots.pin(meta);
    a.commit();
    a.steady(2);
    b.writer.take(Duration.ZERO);
    other.kill();
    assertThat(a.needed()).containsExactly(1L, 2L);
    long before = a.shared.incarnation(1);
    assertThat(probe()).isEqualTo(Life.GONE);
    assertThat(a.needed()).containsExactly(2L);
    assertThat(a.shared.owner(SharedState.WRITER)).isZero();
    assertThat(a.shared.processId(1)).isZero();
    assertThat(a.shared.incarnation(1)).isEqualTo(before + 1);
    assertThat(machine.open(storage).slot()).as("its byte was given back").isEqualTo(1);
  }

  @Test
  void afterADeadLeaderTheNextSyncStoresToWhatItCovers() {
    b.leader.take(Duration.ZERO);
    a.commit();
    b.slots.pinLeader(meta);
    a.commit();
    b.shared.nextSteady(2);
    other.kill();
    assertThat(a.shared.isRewriting()).isFalse();
    assertThat(probe()).isEqualTo(Life.GONE);
    assertThat(a.shared.isRewriting()).isTrue();
    assertThat(a.shared.owner(SharedState.LEADER)).isZero();
    assertThat(a.needed()).as("its pin is gone, N is not").containsExactly(1L, 2L);
    a.leader.take(Duration.ZERO);
    assertThat(a.shared.isRewriting()).as("until it is done").isTrue();
  }

  @Test
  void aDeadWriterLeavesNoSyncBehind() {
    b.writer.take(Duration.ZERO);
    other.kill();
    assertThat(probe()).isEqualTo(Life.GONE);
    assertThat(a.shared.isRewriting()).isFalse();
  }

  @Test
  void whoHasNoSlotYetFreesTheDead() {
    b.leader.take(Duration.ZERO);
    b.writer.take(Duration.ZERO);
    b.slots.pin(meta);
    a.commit();
    a.steady(2);
    a.slots.release();
    other.kill();
    Handle opening = machine.handle(storage);
    assertThat(opening.slots.owners().reclaim()).isFalse();
    assertThat(opening.gate.isAnyoneIn()).isFalse();
    assertThat(opening.needed()).containsExactly(2L);
    assertThat(opening.shared.owner(SharedState.WRITER)).isZero();
    assertThat(opening.shared.owner(SharedState.LEADER)).isZero();
    assertThat(opening.shared.isRewriting()).isTrue();
    assertThat(opening.claim().slot()).isZero();
  }

  /** The lock goes, as when other code in the process closes the lock file. */
  private static void loseLock(Handle handle) {
    handle.slots.loseLocks();
  }

  @Test
  void aProcessThatLostItsLocksKeepsItsPins() {
    b.slots.pin(meta);
    a.commit();
    a.steady(2);
    loseLock(b);
    assertThat(b.slots.locksAreValid()).isFalse();
    assertThat(probe()).isEqualTo(Life.LOST_LOCKS);
    assertThat(a.needed()).containsExactly(1L, 2L);
    assertThat(a.shared.poison()).isZero();
    assertThat(b.slots.isMine()).isTrue();
    assertThat(a.slots.owners().reclaim()).as("it counts as living").isTrue();
    assertThat(machine.open(storage).slot()).as("the slot is not free").isEqualTo(2);
  }

  @Test
  void aWriterThatLostItsLocksPoisonsTheStore() {
    b.writer.take(Duration.ZERO);
    loseLock(b);
    assertThatThrownBy(() -> a.writer.take(Duration.ofSeconds(60)))
        .isInstanceOf(PoisonedException.class)
        .hasMessageContaining("lost its lock");
    assertThat(a.shared.poison()).isEqualTo(SharedState.LOCK_LOST);
    assertThat(a.shared.owner(SharedState.WRITER)).isEqualTo(b.slots.owner());
  }

  @Test
  void aLeaderThatLostItsLocksPoisonsTheStore() {
    b.leader.take(Duration.ZERO);
    loseLock(b);
    assertThat(probe()).isEqualTo(Life.LOST_LOCKS);
    assertThat(a.shared.poison()).isEqualTo(SharedState.LOCK_LOST);
  }

  @Test
  void aProcessIdThatWasGivenToAnotherProcessIsNotTheDeadOne() {
    b.slots.pin(meta);
    a.commit();
    a.steady(2);
    long id = other.processId();
    other.kill();
    storage.otherProcess().processId(id);
    assertThat(a.storage.processStart(id)).isPresent();
    assertThat(probe()).isEqualTo(Life.GONE);
    assertThat(a.needed()).containsExactly(2L);
  }

  @Test
  void withoutAKnownStartNoProcessIsTheOwner() {
    a.shared.process(1, other.processId(), 0);
    assertThat(probe()).as("the byte decides").isEqualTo(Life.ALIVE);
    loseLock(b);
    assertThat(probe()).isEqualTo(Life.GONE);
  }

  @Test
  void aTurnOfAnIncarnationThatIsGoneIsFree() {
    assertThat(a.shared.owner(SharedState.WRITER, 0, b.slots.owner() + 1)).isTrue();
    a.writer.take(Duration.ZERO);
    assertThat(a.writer.release()).isTrue();
    assertThat(a.shared.owner(SharedState.LEADER, 0, b.slots.owner() + 1)).isTrue();
    a.leader.take(Duration.ZERO);
    assertThat(a.shared.isRewriting()).isTrue();
  }

  @Test
  void aDamagedTurnIsCorrupt() {
    assertThat(a.shared.owner(SharedState.WRITER, 0, -1)).isTrue();
    assertThatThrownBy(() -> a.writer.take(Duration.ZERO))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("slot 65534");
  }
}
