package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Paths are the places of files. Nothing is created by finding them.
type Paths struct {
	Config string // the configuration file
	State  string // directory of log, instance id, crash reports
}

// FindPaths follows the XDG base directories, on macOS too; on Windows the
// user's AppData folders. RAMBLE_CONFIG names another configuration file.
func FindPaths(getenv func(string) string) (Paths, error) {
	home := homeDir(getenv)
	base := func(variable string, otherwise ...string) (string, error) {
		// The XDG specification says that relative values are to be ignored.
		if v := getenv(variable); filepath.IsAbs(v) {
			return v, nil
		}
		if home == "" {
			return "", fmt.Errorf("neither HOME nor %s says where your files are", variable)
		}
		return filepath.Join(append([]string{home}, otherwise...)...), nil
	}
	configVar, stateVar := "XDG_CONFIG_HOME", "XDG_STATE_HOME"
	configDir, stateDir := []string{".config"}, []string{".local", "state"}
	if runtime.GOOS == "windows" {
		configVar, stateVar = "APPDATA", "LOCALAPPDATA"
		configDir, stateDir = []string{"AppData", "Roaming"}, []string{"AppData", "Local"}
	}
	state, err := base(stateVar, stateDir...)
	if err != nil {
		return Paths{}, err
	}
	p := Paths{State: filepath.Join(state, "ramble")}
	if v := getenv("RAMBLE_CONFIG"); v != "" {
		p.Config = expandHome(v, getenv)
		return p, nil
	}
	config, err := base(configVar, configDir...)
	if err != nil {
		return Paths{}, err
	}
	p.Config = filepath.Join(config, "ramble", "config.toml")
	return p, nil
}

// LogFile is the path of the log: what the configuration says, else
// ramble.log in the state directory.
func (p Paths) LogFile(c *Config, getenv func(string) string) string {
	if c.Log.File != "" {
		return expandHome(c.Log.File, getenv)
	}
	return filepath.Join(p.State, "ramble.log")
}

func homeDir(getenv func(string) string) string {
	if runtime.GOOS == "windows" {
		return getenv("USERPROFILE")
	}
	return getenv("HOME")
}

// expandHome replaces a leading "~/".
func expandHome(path string, getenv func(string) string) string {
	rest, found := strings.CutPrefix(path, "~/")
	if home := homeDir(getenv); found && home != "" {
		return filepath.Join(home, rest)
	}
	return path
}

// WriteNew writes a file that does not exist yet, whole or not at all, mode
// 0600, its directory 0700.
func WriteNew(path string, data []byte) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists already and stays as it is", path)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // CreateTemp gives mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
