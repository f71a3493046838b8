// An application on net/http that shares a session with sealkit. It reads and writes the Go SDK's container by its layout, with
// Go's standard library alone.
//
// GET  /who      the user; an expired session is refreshed and set again, as an application does it
// GET  /refresh  refreshes, whether that is due or not
// POST /set      seals the payload of the body, and sets it
// GET  /probe    the cookie probe as net/http gives it
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const name = "wos-session"

type settings struct {
	APIKey   string `json:"apiKey"`
	ClientID string `json:"clientId"`
	BaseURL  string `json:"baseUrl"`
}

// What the SDK stores, with its types: a metadata value that is no text is refused.
type session struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken string          `json:"refresh_token"`
	User         *user           `json:"user,omitempty"`
	Impersonator json.RawMessage `json:"impersonator,omitempty"`
}

type user struct {
	Object            string            `json:"object"`
	ID                string            `json:"id"`
	FirstName         *string           `json:"first_name"`
	LastName          *string           `json:"last_name"`
	Name              *string           `json:"name,omitempty"`
	ProfilePictureURL *string           `json:"profile_picture_url"`
	Email             string            `json:"email"`
	EmailVerified     bool              `json:"email_verified"`
	ExternalID        *string           `json:"external_id"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	LastSignInAt      *string           `json:"last_sign_in_at"`
	Locale            *string           `json:"locale,omitempty"`
	CreatedAt         string            `json:"created_at"`
	UpdatedAt         string            `json:"updated_at"`
}

type claims struct {
	SessionID string `json:"sid"`
	Expires   int64  `json:"exp"`
}

type who struct {
	Authenticated bool   `json:"authenticated"`
	SessionID     string `json:"session_id"`
	AccessToken   string `json:"access_token"`
	Email         string `json:"email"`
	FirstName     string `json:"first_name"`
	Refreshed     bool   `json:"refreshed,omitempty"`
}

type application struct {
	settings settings
	gcm      cipher.AEAD
}

func newApplication(given settings, password string) (*application, error) {
	key, err := hex.DecodeString(password)
	if err != nil || len(key) != 32 {
		hashed := sha256.Sum256([]byte(password))
		key = hashed[:]
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return &application{given, gcm}, err
}

func (app *application) seal(payload *session) (string, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, app.gcm.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(app.gcm.Seal(nonce, nonce, text, nil)), nil
}

func (app *application) open(request *http.Request) (*session, error) {
	cookie, err := request.Cookie(name)
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(cookie.Value)
	if err != nil {
		return nil, err
	}
	size := app.gcm.NonceSize()
	if len(sealed) < size {
		return nil, errors.New("too short")
	}
	text, err := app.gcm.Open(nil, sealed[:size], sealed[size:], nil)
	if err != nil {
		return nil, err
	}
	payload := new(session)
	return payload, json.Unmarshal(text, payload)
}

func (payload *session) claims() (found claims, err error) {
	parts := strings.Split(payload.AccessToken, ".")
	if len(parts) != 3 {
		return found, errors.New("not a JWT")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(text, &found)
}

func (payload *session) who() (*who, error) {
	found, err := payload.claims()
	if err != nil || payload.User == nil {
		return nil, fmt.Errorf("no user's session: %w", err)
	}
	told := &who{Authenticated: true, SessionID: found.SessionID, AccessToken: payload.AccessToken, Email: payload.User.Email}
	if payload.User.FirstName != nil {
		told.FirstName = *payload.User.FirstName
	}
	return told, nil
}

func (app *application) put(response http.ResponseWriter, payload *session) error {
	sealed, err := app.seal(payload)
	if err != nil {
		return err
	}
	http.SetCookie(response, &http.Cookie{
		Name: name, Value: sealed, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return nil
}

func (app *application) who(response http.ResponseWriter, request *http.Request) (any, error) {
	payload, err := app.open(request)
	if err != nil {
		return nil, err
	}
	found, err := payload.claims()
	if err != nil {
		return nil, err
	}
	if found.Expires <= time.Now().Unix() {
		return app.refresh(response, request)
	}
	return payload.who()
}

func (app *application) refresh(response http.ResponseWriter, request *http.Request) (any, error) {
	payload, err := app.open(request)
	if err != nil {
		return nil, err
	}
	asked, err := json.Marshal(map[string]string{
		"grant_type": "refresh_token", "client_id": app.settings.ClientID, "client_secret": app.settings.APIKey,
		"refresh_token": payload.RefreshToken,
	})
	if err != nil {
		return nil, err
	}
	url := strings.TrimSuffix(app.settings.BaseURL, "/") + "/user_management/authenticate"
	answer, err := http.Post(url, "application/json", bytes.NewReader(asked))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%s: %s", answer.Status, reason)
	}
	refreshed := new(session)
	if err := json.NewDecoder(answer.Body).Decode(refreshed); err != nil {
		return nil, err
	}
	if err := app.put(response, refreshed); err != nil {
		return nil, err
	}
	told, err := refreshed.who()
	if err == nil {
		told.Refreshed = true
	}
	return told, err
}

func (app *application) set(response http.ResponseWriter, request *http.Request) (any, error) {
	payload := new(session)
	if err := json.NewDecoder(request.Body).Decode(payload); err != nil {
		return nil, err
	}
	return map[string]bool{"set": true}, app.put(response, payload)
}

func probe(_ http.ResponseWriter, request *http.Request) (any, error) {
	cookie, err := request.Cookie("probe")
	if err != nil {
		return map[string]any{"value": nil}, nil
	}
	return map[string]string{"value": cookie.Value}, nil
}

func route(work func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		answer, err := work(response, request)
		response.Header().Set("Content-Type", "application/json")
		if err != nil {
			response.WriteHeader(http.StatusUnauthorized)
			answer = map[string]any{"authenticated": false, "reason": err.Error()}
		}
		json.NewEncoder(response).Encode(answer)
	}
}

func listen(given settings, password string) (int, error) {
	app, err := newApplication(given, password)
	if err != nil {
		return 0, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/who", route(app.who))
	mux.HandleFunc("/refresh", route(app.refresh))
	mux.HandleFunc("/set", route(app.set))
	mux.HandleFunc("/probe", route(probe))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go http.Serve(listener, mux)
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func main() {
	var given struct {
		settings
		Password string `json:"password"`
		Hex      string `json:"passwordHex"`
	}
	if err := json.Unmarshal([]byte(os.Getenv("SEALKIT_WEB")), &given); err != nil {
		panic(err)
	}
	ports := map[string]int{}
	for kind, password := range map[string]string{"go": given.Password, "go-hex": given.Hex} {
		port, err := listen(given.settings, password)
		if err != nil {
			panic(err)
		}
		ports[kind] = port
	}
	json.NewEncoder(os.Stdout).Encode(ports)
	// The test holds the other end, and this process ends with it.
	io.Copy(io.Discard, os.Stdin)
}
