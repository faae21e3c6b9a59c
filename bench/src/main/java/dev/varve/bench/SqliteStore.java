// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** SQLite with a write-ahead log, mapped; synced at checkpoints only, or at each commit. */
final class SqliteStore implements StorePeer {
  private final String url;
  private final boolean isSync;
  private final int valueBytes;

  SqliteStore(Path directory, int valueBytes, long entries, boolean isSync) throws SQLException {
    this.url = "jdbc:sqlite:" + directory.resolve("sqlite");
    this.isSync = isSync;
    this.valueBytes = valueBytes;
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute("create table bench (k blob primary key, v blob) without rowid");
    }
  }

  private Connection connect() throws SQLException {
    Connection connection = DriverManager.getConnection(url);
    try (Statement statement = connection.createStatement()) {
      statement.execute("pragma journal_mode=wal");
      statement.execute("pragma synchronous=" + (isSync ? "full" : "normal"));
      statement.execute("pragma mmap_size=4294967296");
    }
    return connection;
  }

  @Override
  public Client client() {
    try {
      return new Sqlite();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {}

  private final class Sqlite extends Client {
    private final Connection connection = connect();
    private final PreparedStatement putting =
        connection.prepareStatement("insert or replace into bench values (?, ?)");
    private final PreparedStatement getting =
        connection.prepareStatement("select v from bench where k = ?");

    Sqlite() throws SQLException {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) throws SQLException {
      connection.setAutoCommit(batch == 1);
      for (long i = 0; i < operations; ) {
        for (long end = Math.min(operations, i + batch); i < end; i++) {
          keys.set(this, i);
          putting.setBytes(1, keyBytes());
          putting.setBytes(2, newValue());
          putting.executeUpdate();
        }
        if (batch > 1) {
          connection.commit();
        }
      }
      connection.setAutoCommit(true);
    }

    @Override
    long get(long operations, boolean each, Keys keys) throws SQLException {
      connection.setAutoCommit(each);
      long found = 0;
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        getting.setBytes(1, keyBytes());
        try (ResultSet result = getting.executeQuery()) {
          if (result.next()) {
            found += copy(result.getBytes(1));
          }
        }
      }
      if (!each) {
        connection.commit();
        connection.setAutoCommit(true);
      }
      return found;
    }

    @Override
    long scan() throws SQLException {
      long count = 0;
      try (Statement statement = connection.createStatement();
          ResultSet result = statement.executeQuery("select v from bench order by k")) {
        while (result.next()) {
          count += copy(result.getBytes(1));
        }
      }
      return count;
    }

    @Override
    public void close() {
      try {
        connection.close();
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
