"""Everyday sentences to choose and to calibrate by: others than those of `everyday_judged`.

Nobody learns from them while something is chosen. Rules, kinds and lines as in `everyday_judged`.
"""

from typing import Final

from app.training.sentiment.everyday_judged import read_lines
from app.training.sentiment.everyday_later import LATER
from app.training.sentiment.labels import Label

_SENTENCES: Final = """\
- The page freezes as soon as I type into the second field.
- Our backup has failed four nights in a row.
- I keep getting logged out in the middle of my work.
- My order is stuck and nobody can tell me where it is.
- You billed us for a service that we cancelled in May.
- The scanner does not recognise any of my documents.
- Half of the contacts vanished after the import.
- This is the third time I report the same fault.
- The link in your message leads nowhere.
- The update deleted all my settings.
- I want a refund, this is not what I ordered.
- The sound cuts out every few minutes.
0 I am writing to ask about the opening hours of your store.
0 Can I change the delivery address?
0 Please delete the test account.
0 Which browsers do you support?
0 We need access for two new colleagues from Monday.
0 The request was assigned to the second team.
0 I use version 4.2 on a Mac.
0 Where can I download last year's invoices?
0 How many users does the basic plan include?
+ Works again, thanks a million!
+ Your colleague was patient and explained every step.
+ Solved in no time, I'm impressed.
+ The latest release is a pleasure to use.
+ You saved my day, thank you.
+ Finally a help desk that listens.
0 Please sign the form and send it back.
0 The interview will take place on Monday at ten.
0 I have copied Peter into this message.
0 See the list below for the participants.
0 Could you confirm the number of guests?
0 My new telephone number is at the bottom of this mail.
0 We will send the contract by post.
0 Regarding your question, the hall seats ninety.
0 I am on leave next week and back on the ninth.
+ We were thrilled to read your good news.
+ Many thanks for the lovely flowers.
+ I look back on our cooperation with great pleasure.
+ It is an honour to have you with us.
+ The children adored your present.
- We are sorry to say that your bid was rejected.
- I am shocked by the way this was handled.
- Your invoice contains several errors.
- I had to wait for an answer for over a month.
- Sadly we lost the contract.
- I must complain about the state of the meeting room.
0 The president arrives in Lisbon on Monday.
0 The committee meets again in October.
0 The ministry published the figures on Thursday.
0 Shares of the group closed at 41 euros.
0 The court will announce its decision next month.
0 The road between the two villages was resurfaced.
0 The airline flies to sixty destinations.
0 The mayor presented the plans for the new station.
0 The talks continue on Friday in Vienna.
0 About 200 delegates attended the meeting.
- A bomb killed nine people at a market.
- The storm left thousands without power.
- The bank went bankrupt and many lost their savings.
- Police accuse the director of fraud.
- The bridge collapsed and buried two cars.
+ The firefighters rescued all the passengers.
+ The young pianist won first prize and a standing ovation.
+ Crime in the city has fallen to its lowest level in decades.
+ The hospital saved the boy's sight.
0 The river is 800 km long.
0 The battery has a capacity of 4000 mAh.
0 The method takes two arguments and returns a list.
0 Operating temperature: -10 to 45 degrees.
0 The box contains a charger, a cable and a manual.
0 Do not expose to direct sunlight.
0 The maximum load is 120 kg.
0 The file must not be larger than 5 MB.
0 Fields marked with a star are required.
0 The lens has a focal length of 50 mm.
0 Connect the red wire to terminal two.
0 The engine has four cylinders and 1.6 litres.
0 Each page shows up to 20 results.
0 If the lamp flashes twice, the filter has to be replaced.
0 The jacket has three pockets and a hood.
- The advertised range is pure fantasy.
+ The motor is astonishingly quiet for its power.
+ lol this is gold
+ bro you crushed it
+ thats dope
+ these fries are bussin
+ love love love this tune
+ yesss we won
+ ur the best
+ such a vibe, 10/10
- this sucks
- that movie was hot garbage
- wtf is wrong with this app
- total fail
- im dead tired and my boss is a jerk
- nah this aint it
- so over this, what a mess
- what a scam lol
0 wyd tonight
0 otw, 5 min
0 lmk when ur there
0 k see u then
- Could be better.
- I would have loved it if it worked.
- I would not call it good.
- It never arrived.
- They never answer.
- Nobody came to help us.
- I don't think I will buy from them again.
- There was nothing good about it.
- I have yet to see it work.
- Not my idea of a holiday.
- It isn't worth the trouble.
- If only they had told us before.
- It should have been finished weeks ago.
- No wonder nobody comes here any more.
- It was supposed to be easy.
+ Nobody was rude to us.
+ It never fails to impress me.
+ I can't think of anything better.
+ It couldn't have gone more smoothly.
+ We never felt unwelcome.
+ There wasn't a dull moment.
+ I didn't expect to like it, but I do.
+ No one left hungry.
+ Nothing was too much trouble for them.
+ You won't regret it.
+ I have no complaints.
+ Never a bad word about this place.
0 I haven't seen him today.
0 The bus does not stop here on weekdays.
0 She is not at her desk.
0 I don't have a car.
0 We have not decided yet.
+ The best money I ever spent.
+ A gem of a restaurant, we will be back.
+ My cat loves it, and so do I.
+ Beautifully acted and full of surprises.
+ Soft, warm and exactly my size.
+ Sturdy, easy to clean, and the price is right.
+ I have recommended it to all my friends.
+ It made our holiday.
- The handle came off on the first day.
- The waiter ignored us all evening.
- I fell asleep after twenty minutes.
- The ending ruins it.
- It leaks, it rattles, it stinks.
- Half the songs are fillers.
- The picture is blurred and the sound is worse.
- We asked for a quiet room and got one above the bar.
- It scratched my floor.
- The instructions are a joke.
0 It's okay.
0 The hotel has forty rooms and a garage.
0 I bought it in March for 30 euros.
0 Average food at an average price.
0 I read it on the train.
+ happy birthday my dear!!
+ I got the job!!!
+ I love you so much
+ You look fantastic today
+ what a beautiful morning
- I feel so alone today
- My grandfather died last night
- I failed the exam
- Leave me alone, I'm furious
- I hate mondays
0 I'm at the station
0 Which film are we watching tonight?
0 Did you feed the cat?
0 I'll call you after lunch
0 ok
0 the
0 Yes, at seven.
0 We have two kinds of tea.
0 I drove home after work.
0 Iron melts at 1538 degrees.
0 The museum was founded in 1868.
0 Spiders have eight legs.
0 The sun rises in the east.
0 The village lies in a valley north of the city.
0 He plays the violin in an orchestra.
0 It takes an hour to get there by bus.
0 The shop sells bread, milk and newspapers.
0 The year has twelve months.
0 My aunt lives on the coast.
0 The glass is on the shelf.
0 Rome was the capital of an empire.
0 She wears glasses.
0 The novel was written in 1925.
0 Water consists of hydrogen and oxygen.
0 The cat sat on the mat.
0 Two men are playing chess in the park.
"""

SELECT: Final[tuple[tuple[str, Label], ...]] = read_lines(_SENTENCES + LATER)
"""Sentences with their labels."""
