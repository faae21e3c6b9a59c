// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.Locale;
import java.util.Set;

/**
 * Which file systems are not on disks of this machine, by the names that operating systems have for
 * them. There mapped memory is not shared by machines, locks may be those of one machine or none,
 * and a server may forget what it said was synced. Shared folders of virtual machines are like
 * that, too. What is not known is taken for local.
 */
final class NetworkFileSystems {
  private static final String FUSE = "fuse.";

  private static final Set<String> TYPES =
      Set.of(
          // Linux, and the BSDs
          "nfs",
          "nfs4",
          "cifs",
          "smb",
          "smb2",
          "smb3",
          "smbfs",
          "ncpfs",
          "ncp",
          "afs",
          "kafs",
          "coda",
          "9p",
          "ceph",
          "lustre",
          "glusterfs",
          "gfs",
          "gfs2",
          "ocfs2",
          "gpfs",
          "beegfs",
          "pvfs2",
          "orangefs",
          "panfs",
          "wekafs",
          "davfs",
          "davfs2",
          "webdav",
          "sshfs",
          "acfs",
          // macOS
          "afpfs",
          "ftp",
          "macfuse.sshfs",
          // Windows: a share
          "unc",
          // shared folders of virtual machines
          "vboxsf",
          "vmhgfs",
          "prl_fs",
          "virtiofs",
          "drvfs",
          "fakeowner");

  /** Programs that serve a file system over a network. */
  private static final Set<String> FUSE_PROGRAMS =
      Set.of(
          "sshfs",
          "glusterfs",
          "ceph",
          "ceph-fuse",
          "cephfs",
          "rclone",
          "s3fs",
          "s3ql",
          "gcsfuse",
          "goofys",
          "mountpoint-s3",
          "blobfuse",
          "blobfuse2",
          "juicefs",
          "seaweedfs",
          "moosefs",
          "mfs",
          "lizardfs",
          "saunafs",
          "curlftpfs",
          "ftpfs",
          "davfs",
          "smbnetfs",
          "smb",
          "nfs",
          "gvfsd-fuse",
          "kio-fuse",
          "hdfs",
          "fuse_dfs",
          "alluxio-fuse",
          "grpcfuse",
          "osxfs",
          "vmhgfs-fuse",
          "prl_fsd",
          "vboxsf",
          "onedriver",
          "google-drive-ocamlfuse");

  private NetworkFileSystems() {}

  /** Tells whether a type is one of these, in whatever case. */
  static boolean contains(String type) {
    String name = type.toLowerCase(Locale.ROOT);
    return name.startsWith(FUSE)
        ? FUSE_PROGRAMS.contains(name.substring(FUSE.length()))
        : TYPES.contains(name);
  }
}
